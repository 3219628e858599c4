-- name: get
-- A break with what its payment is.
SELECT b.*, i.kind, i.state FROM break b LEFT JOIN intent i ON i.id = b.intent WHERE b.id = $1

-- name: list
SELECT b.*, i.kind, i.state FROM (
    SELECT * FROM break WHERE cleared_at IS NULL
    UNION ALL
    SELECT * FROM break WHERE $1 AND cleared_at IS NOT NULL
) b
LEFT JOIN intent i ON i.id = b.intent
ORDER BY b.opened_at, b.id

-- name: propose
UPDATE break SET proposed_cure = $2, proposed_for = $3, proposed_by = $4, proposal = $5
WHERE id = $1 AND cleared_at IS NULL AND (cure IS NULL OR cure = $2 AND proposal IS NULL)
RETURNING id

-- name: begin
-- A cure that was approved before proposals had ids, and not carried to its end, goes on as it began.
UPDATE break SET cure = $2, cured_on = coalesce(cured_on, $3)
WHERE id = $1 AND cleared_at IS NULL AND (cure IS NULL OR cure = $2)
RETURNING id

-- name: identify
UPDATE break SET identified = $2 WHERE id = $1

-- name: clear
UPDATE break SET cleared_at = $2, cleared_by = $3 WHERE id = $1 AND cleared_at IS NULL

-- name: refused
-- The ledger has refused the cure's voucher for good: the break is open as before, and the next cure has a new voucher.
UPDATE break SET
    cure = NULL, cured_on = NULL, cure_voucher = $2, identified = NULL, proposed_cure = NULL, proposed_for = NULL,
    proposed_by = NULL, proposal = NULL, note = concat_ws('; ', nullif(note, ''), $3::text)
WHERE id = $1 AND cleared_at IS NULL

-- name: parts
SELECT receiver, amount FROM split WHERE payment = $1 ORDER BY id

-- name: false_success
-- Nothing of it is left to refund or to settle, and no file has to list it.
WITH undone AS (
    UPDATE intent SET refunded = amount, fee_refunded = fee, voided = true, updated_at = $3
    WHERE id = $1 AND NOT voided
    RETURNING id
)
INSERT INTO intent_match (intent, matched_on) SELECT id, $2::date FROM undone ON CONFLICT DO NOTHING

-- name: refund_undone
-- What the refund had taken may be refunded again, once. The payment is locked before its refund, as everywhere.
WITH held AS MATERIALIZED (
    SELECT id FROM intent WHERE id = $1 FOR NO KEY UPDATE
), listed AS (
    INSERT INTO intent_match (intent, matched_on) SELECT $2, $3 FROM held ON CONFLICT DO NOTHING
    RETURNING intent
)
UPDATE intent o SET refunded = o.refunded - r.amount, fee_refunded = o.fee_refunded - r.fee, updated_at = $4
FROM listed l JOIN intent r ON r.id = l.intent
WHERE o.id = $1

-- name: return_undone
-- The long item whose return was never made is open again.
UPDATE break SET
    cure = NULL, cured_on = NULL, cleared_at = NULL, cleared_by = NULL, returned_by = NULL, proposed_cure = NULL,
    proposed_for = NULL, proposed_by = NULL, proposal = NULL,
    note = concat_ws('; ', nullif(note, ''), 'its return to the payer was never made')
WHERE id = $1 AND returned_by = $2

-- name: missing
-- The open break of a payment that no file lists.
SELECT * FROM break WHERE class = 'missing_there' AND intent = $1 AND cleared_at IS NULL

-- name: found
UPDATE break SET cure = $2, cured_on = $3 WHERE id = $1 AND cleared_at IS NULL AND (cure IS NULL OR cure = $2)
RETURNING id

-- name: arrives
-- The money of a date has come, on a line that nothing had explained.
UPDATE channel_file SET arrived_at = $3, arrived_seq = $4
WHERE channel = $1 AND settle_date = $2 AND (arrived_at IS NULL OR arrived_seq = $4)
RETURNING channel

-- name: candidates
SELECT channel, settle_date AS day, NULL::uuid AS intent, NULL::text AS kind
FROM channel_file WHERE matched_at IS NOT NULL AND arrived_at IS NULL AND net_fen = $1
UNION ALL
SELECT b.channel, b.settle_date, b.intent, i.kind
FROM break b JOIN intent i ON i.id = b.intent
WHERE b.cleared_at IS NULL AND b.class = 'missing_there' AND b.difference = -$1 AND b.cure IS NULL
ORDER BY day DESC LIMIT 10

-- name: several
SELECT b.*, i.kind, i.state FROM break b LEFT JOIN intent i ON i.id = b.intent WHERE b.id = ANY($1::uuid[])
ORDER BY b.id

-- name: items
SELECT break, result FROM bulk_cure_item WHERE proposal = $1

-- name: items_as
SELECT count(*) FROM bulk_cure_item WHERE proposal = $1 AND result = $2

-- name: item_done
INSERT INTO bulk_cure_item (proposal, break, result, done_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
