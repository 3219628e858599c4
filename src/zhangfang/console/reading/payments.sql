-- name: row
-- A row of a list; which rows, says one of the conditions below that follows it.
SELECT
    i.id, i.kind, i.merchant, m.name AS merchant_name, i.order_no, i.amount, i.fee, i.description, i.channel,
    i.channel_order_no, i.channel_ref, i.state, i.code, i.message, i.account_tail, i.business_date, i.settle_date,
    i.created_at, i.decided_at, i.unknown_since, i.next_action_at, i.queries, i.refunded, i.voided, i.returned_at,
    i.matched_on, i.arrived_seq
FROM intent i LEFT JOIN merchant m ON m.id = i.merchant

-- name: filtered
-- The rows of a filter, for `row`, `counts` and `sums`.
WHERE
    i.kind = ANY($1::text[])
    AND ($2::text[] IS NULL OR i.state = ANY($2))
    AND ($3::text IS NULL OR i.merchant = $3)
    AND ($4::text IS NULL OR i.channel = $4)
    AND ($5::timestamptz IS NULL OR i.created_at >= $5)
    AND ($6::timestamptz IS NULL OR i.created_at < $6)
    AND ($7::text IS NULL OR CASE $7
        WHEN 'PART_REFUNDED' THEN i.refunded > 0 AND i.refunded < i.amount
        WHEN 'REFUNDED' THEN i.refunded = i.amount AND NOT i.voided
        WHEN 'VOIDED' THEN i.voided
        WHEN 'RETURNED' THEN i.returned_at IS NOT NULL
    END)
    AND ($8::text IS NULL OR i.order_no = $8 OR i.channel_order_no = $8 OR i.channel_ref = $8)

-- name: older
    AND ($9::uuid IS NULL OR i.id < $9)
ORDER BY i.id DESC
LIMIT $10

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
FROM intent i

-- name: by_state
GROUP BY i.state

-- name: sums
SELECT count(*) AS count, coalesce(sum(i.amount), 0)::bigint AS fen
FROM intent i

-- name: facts
SELECT
    i.idempotency_key, i.request_digest, i.voucher, i.undo_voucher, i.original, i.settlement, s.run_date AS settled_on,
    f.received_at AS file_received_at, f.arrived_at AS file_arrived_at, f.arrived_seq AS file_arrived_seq,
    w.delivered_at AS told_at, w.attempts AS told_attempts
FROM intent i
LEFT JOIN settlement s ON s.id = i.settlement
LEFT JOIN channel_file f ON f.channel = i.channel AND f.settle_date = i.matched_on
LEFT JOIN LATERAL (
    SELECT d.delivered_at, d.attempts FROM webhook n JOIN webhook_delivery d ON d.webhook = n.id
    WHERE n.intent = i.id ORDER BY n.created_at DESC, d.delivered_at LIMIT 1
) w ON true
WHERE i.id = $1

-- name: steps
SELECT id, at, kind, verdict, state, code, message, raw FROM step WHERE intent = $1 ORDER BY id

-- name: listed_in
SELECT l.settle_date, l.line_no, l.amount, f.name, f.arrived_at, f.arrived_seq
FROM file_line l JOIN channel_file f USING (channel, settle_date)
WHERE l.intent = $1
UNION ALL
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
