-- name: row
-- A row of a list; which rows, says what follows it.
SELECT
    i.id, i.kind, i.merchant, m.name AS merchant_name, i.order_no, i.amount, i.fee, i.description, i.channel,
    i.channel_order_no, i.channel_ref, i.state, i.code, i.message, i.account_tail, i.business_date, i.settle_date,
    i.created_at, i.decided_at, i.unknown_since, i.next_action_at, i.queries, i.refunded, i.voided, i.returned_at,
    (SELECT m.matched_on FROM intent_match m WHERE m.intent = i.id) AS matched_on, i.arrived_seq

-- name: whole
FROM intent i LEFT JOIN merchant m ON m.id = i.merchant

-- name: of_kinds
-- The newest rows of each kind, and of these the newest. The conditions of a filter follow one by one: only those that are
-- asked for are in the statement, so that each has its index in any plan. `$n` becomes the number of its own parameter.
FROM unnest($n::text[]) AS k (kind)
CROSS JOIN LATERAL (
    SELECT * FROM intent i
    WHERE i.kind = k.kind

-- name: of_back
AND i.kind IN ('refund', 'void')

-- name: of_payout
AND i.kind = 'payout'

-- name: of_states
AND i.state = ANY($n::text[])

-- name: of_open
AND i.state IN ('CREATED', 'PARKED', 'REDIRECTED', 'SENDING', 'ACCEPTED', 'UNKNOWN', 'MANUAL')

-- name: of_merchant
AND i.merchant = $n

-- name: of_channel
AND i.channel = $n

-- name: of_since
AND i.created_at >= $n

-- name: of_until
AND i.created_at < $n

-- name: of_part_refunded
AND i.refunded > 0 AND i.refunded < i.amount

-- name: of_refunded
AND i.refunded > 0 AND i.refunded = i.amount AND NOT i.voided

-- name: of_voided
AND i.voided

-- name: of_returned
AND i.returned_at IS NOT NULL

-- name: of_number
AND i.id = ANY(ARRAY(
    SELECT id FROM intent WHERE channel_order_no = $n
    UNION ALL
    SELECT id FROM intent WHERE channel_ref = $n
    UNION ALL
    SELECT o.id FROM merchant m JOIN intent o ON o.merchant = m.id
        AND o.kind IN ('purchase', 'collection', 'refund', 'void', 'payout') AND o.order_no = $n
))

-- name: before
AND i.id < $n

-- name: newest
    ORDER BY i.id DESC LIMIT $n
) i

-- name: listed
LEFT JOIN merchant m ON m.id = i.merchant
ORDER BY i.id DESC LIMIT $n

-- name: family
WHERE i.id = ANY($1::uuid[]) OR i.original = ANY($1::uuid[])
ORDER BY i.id

-- name: in_doubt
WHERE i.state IN ('UNKNOWN', 'MANUAL')
ORDER BY coalesce(i.unknown_since, i.created_at), i.id
LIMIT $1

-- name: counts
SELECT
    i.state,
    (count(*))::int AS count,
    (count(*) FILTER (WHERE i.refunded > 0 AND i.refunded < i.amount))::int AS part_refunded,
    (count(*) FILTER (WHERE i.refunded = i.amount AND NOT i.voided))::int AS refunded,
    (count(*) FILTER (WHERE i.voided))::int AS voided,
    (count(*) FILTER (WHERE i.returned_at IS NOT NULL))::int AS returned

-- name: by_state
GROUP BY i.state

-- name: sums
SELECT count(*) AS count, coalesce(sum(i.amount), 0)::bigint AS fen

-- name: facts
SELECT
    i.idempotency_key, i.request_digest, i.voucher, i.undo_voucher, i.original, i.settlement, s.run_date AS settled_on,
    f.received_at AS file_received_at, f.arrived_at AS file_arrived_at, f.arrived_seq AS file_arrived_seq,
    w.delivered_at AS told_at, w.attempts AS told_attempts
FROM intent i
LEFT JOIN settlement s ON s.id = i.settlement
LEFT JOIN intent_match m ON m.intent = i.id
LEFT JOIN channel_file f ON f.channel = i.channel AND f.settle_date = m.matched_on
LEFT JOIN LATERAL (
    SELECT d.delivered_at, d.attempts FROM webhook n JOIN webhook_delivery d ON d.webhook = n.id
    WHERE n.intent = i.id ORDER BY n.created_at DESC, d.delivered_at LIMIT 1
) w ON true
WHERE i.id = $1

-- name: steps
SELECT id, at, kind, verdict, state, code, message, raw FROM step WHERE intent = $1 ORDER BY id

-- name: listed_in
SELECT l.settle_date, l.line_no, l.amount, f.name, f.arrived_at, f.arrived_seq
FROM intent i JOIN intent_match m ON m.intent = i.id
JOIN file_line l ON l.channel = i.channel AND l.settle_date = m.matched_on AND l.line_no = m.line_no
JOIN channel_file f ON f.channel = l.channel AND f.settle_date = l.settle_date
WHERE i.id = $1
UNION
-- What adjusts it, or says that it came back.
SELECT l.settle_date, l.line_no, l.amount, f.name, f.arrived_at, f.arrived_seq
FROM file_line l JOIN channel_file f USING (channel, settle_date)
WHERE l.intent = $1
UNION
-- A payment that was filled in from a break has the break's id; the key of the break ends in the line's number.
SELECT l.settle_date, l.line_no, l.amount, f.name, f.arrived_at, f.arrived_seq
FROM break b
JOIN file_line l
    ON l.channel = b.channel AND l.settle_date = b.settle_date AND l.line_no = split_part(b.key, '/', -1)::int
JOIN channel_file f ON f.channel = l.channel AND f.settle_date = l.settle_date
WHERE b.id = $1 AND b.cure = 'B2' AND l.intent IS NULL
ORDER BY settle_date, line_no

-- name: banked
SELECT account, sequence, booked_at, amount, credit, reversal
FROM bank_line WHERE intent = $1 ORDER BY booked_at, sequence
