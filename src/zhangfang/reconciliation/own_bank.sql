-- name: arriving
-- The withdrawal that a line of this amount brings: the one that it names, or the oldest; after a crash the same line finds
-- the same one.
SELECT i.id FROM intent i
WHERE i.merchant = 'platform' AND i.kind = 'payout' AND i.template = 'D4' AND i.state = 'SUCCESS'
    AND i.returned_at IS NULL AND i.amount = $1
    AND NOT EXISTS (SELECT FROM bank_line WHERE intent = i.id AND template = 'D5.own')
ORDER BY (i.channel_order_no = $2) DESC, i.id LIMIT 1

-- name: claim_sent
-- The announced entry whose money left on this line. The line's name is stored with it first.
UPDATE register_entry SET own_line = $2
WHERE id = (
    SELECT e.id FROM register_entry e
    WHERE e.kind IN ('top_up', 'prefunding') AND e.outcome IS DISTINCT FROM 'cancelled' AND e.amount = $1
        AND (e.own_line IS NULL OR e.own_line = $2)
    ORDER BY e.own_line IS NULL, e.id LIMIT 1
) AND (own_line IS NULL OR own_line = $2)
RETURNING id
