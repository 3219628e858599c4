-- name: pairs
-- Payments whose order number also belongs to an earlier payment of the same merchant, where both succeeded and neither
-- was wholly refunded. `$1` and `$2` are one moment, as a time and as a settlement date. One that was long without an
-- outcome is found by the time of its decision.
WITH recent AS (
    SELECT DISTINCT merchant, order_no FROM intent
    WHERE kind IN ('purchase', 'collection') AND state = 'SUCCESS' AND (
        created_at >= $1 OR settle_date >= $2
        OR decided_at >= $1 AND decided_at - created_at > interval '1 day'
    )
)
SELECT DISTINCT ON (goes.id) goes.id AS goes, keep.id AS keep
FROM recent r
CROSS JOIN LATERAL ( -- OFFSET 0 forces the index over the business key: the recent ones are few
    SELECT * FROM intent
    WHERE merchant = r.merchant AND kind IN ('purchase', 'collection') AND order_no = r.order_no OFFSET 0
) keep
CROSS JOIN LATERAL (
    SELECT * FROM intent
    WHERE merchant = r.merchant AND kind IN ('purchase', 'collection') AND order_no = r.order_no OFFSET 0
) goes
WHERE goes.id > keep.id AND goes.state = 'SUCCESS' AND keep.state = 'SUCCESS'
    AND goes.refunded < goes.amount AND keep.refunded < keep.amount
    AND NOT EXISTS (SELECT FROM duplicate d WHERE d.intent = goes.id)
ORDER BY goes.id, keep.id

-- name: strays
-- Lines of the channel that match no payment of ours, or a second time: they are booked in 2351 and have no cure yet.
SELECT b.id AS break, b.intent, l.order_no, l.channel_ref, l.operation, l.amount, l.note
FROM break b
JOIN file_line l
    ON l.channel = b.channel AND l.settle_date = b.settle_date AND l.line_no = split_part(b.key, '/', -1)::int
WHERE b.class IN ('missing_here', 'duplicate') AND b.template = 'B1' AND b.cleared_at IS NULL AND b.cure IS NULL
    AND NOT l.adjustment AND NOT EXISTS (SELECT FROM duplicate d WHERE d.break = b.id)
ORDER BY b.id

-- name: line_of_break
-- The channel's line of a break, for cases that are no payment of ours.
SELECT
    b.channel, b.settle_date, b.cure, b.cleared_at, l.line_no, l.order_no, l.channel_ref, l.operation, l.amount, l.note
FROM break b
JOIN file_line l
    ON l.channel = b.channel AND l.settle_date = b.settle_date AND l.line_no = split_part(b.key, '/', -1)::int
WHERE b.id = $1

-- name: key_of_line
-- The business key of a line: that of the payment which has its order number, or had it in an earlier attempt.
SELECT merchant, order_no FROM intent WHERE id = $1 OR channel_order_no = $2
UNION
SELECT i.merchant, i.order_no FROM attempt a JOIN intent i ON i.id = a.intent WHERE a.channel_order_no = $2
LIMIT 1

-- name: holders_of_key
SELECT * FROM intent WHERE merchant = $1 AND kind IN ('purchase', 'collection') AND order_no = $2

-- name: holders_of_number
-- Of any merchant: the channel's line has the merchant's order number, but does not say which merchant's it is.
SELECT i.* FROM merchant m
JOIN intent i ON i.merchant = m.id AND i.kind IN ('purchase', 'collection') AND i.order_no = $1

-- name: intents
SELECT * FROM intent WHERE id = ANY($1::uuid[])

-- name: lock_intent
SELECT * FROM intent WHERE id = $1 FOR UPDATE

-- name: open
WITH made AS (
    INSERT INTO duplicate (id, merchant, order_no, amount, keep, intent, break, state, note, found_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT DO NOTHING
    RETURNING id
)
INSERT INTO duplicate_step (id, duplicate, at, by, act, note)
SELECT $11, id, $10, 'platform', 'find', $9 FROM made
RETURNING duplicate

-- name: get
SELECT * FROM duplicate WHERE id = $1

-- name: lock
SELECT * FROM duplicate WHERE id = $1 FOR UPDATE

-- name: confirm
UPDATE duplicate SET
    state = $2, note = $3, confirmed_by = $4, confirmed_at = $5, reason = $6, next_action_at = $7, approved_by = NULL,
    approved_at = NULL, way = '', reversal = NULL, lease_until = NULL, proposal = $8
WHERE id = $1

-- name: approve
UPDATE duplicate SET
    state = 'REVERSING', note = '', approved_by = $2, approved_at = $3, next_action_at = $3, lease_until = NULL
WHERE id = $1

-- name: dismiss
UPDATE duplicate SET state = 'DISMISSED', note = $2, ended_at = $3, next_action_at = NULL WHERE id = $1

-- name: choose
-- Once per attempt: a second process gets no row.
UPDATE duplicate SET attempt = attempt + 1, way = $2, reversal = NULL, note = ''
WHERE id = $1 AND attempt = $3 AND way = '' AND state = 'REVERSING'
RETURNING *

-- name: began
UPDATE duplicate SET reversal = $2 WHERE id = $1

-- name: wait
UPDATE duplicate SET note = $2, next_action_at = $3, lease_until = NULL WHERE id = $1 AND state = 'REVERSING'

-- name: again
UPDATE duplicate SET way = '', reversal = NULL, note = $2, next_action_at = $3, lease_until = NULL
WHERE id = $1 AND state = 'REVERSING'

-- name: leave
-- Not if another process has begun an attempt since: the obstacle may be that attempt.
UPDATE duplicate SET state = $2, note = $3, way = '', reversal = NULL, next_action_at = NULL, lease_until = NULL
WHERE id = $1 AND state = 'REVERSING' AND attempt = $4
RETURNING id

-- name: done
UPDATE duplicate SET state = 'DONE', note = $2, masked = $3, ended_at = $4, next_action_at = NULL, lease_until = NULL
WHERE id = $1

-- name: add_step
INSERT INTO duplicate_step (id, duplicate, at, by, act, note, voucher) VALUES ($1, $2, $3, $4, $5, $6, $7)

-- name: steps
SELECT id, at, by, act, note, voucher FROM duplicate_step WHERE duplicate = $1 ORDER BY id

-- name: listed
SELECT * FROM duplicate
WHERE ($1::text[] IS NULL OR state = ANY($1)) AND ($2::uuid IS NULL OR id < $2)
ORDER BY id DESC LIMIT $3

-- name: counted
SELECT state, count(*)::int AS count, sum(amount)::bigint AS fen FROM duplicate GROUP BY state

-- name: to_confirm
SELECT id FROM duplicate WHERE state = 'SUSPECTED' ORDER BY id

-- name: reversals
-- Every attempt to reverse a payment as a duplicate, including the failed ones.
SELECT voucher, undo_voucher, state FROM intent WHERE original = $1 AND template IN ('U1', 'U2') ORDER BY id

-- name: nets
-- What vouchers moved on the merchant's own accounts, as the statement shows it: `net` is credits minus debits, in fen.
SELECT
    t.voucher, min(t.business_date) AS business_date, count(*)::int AS lines,
    sum(CASE WHEN a.id = t.credit THEN t.amount ELSE -t.amount END)::bigint AS net
FROM unnest($1::uuid[]) AS v (id)
CROSS JOIN LATERAL ledger_voucher(v.id) t
JOIN account a ON a.shard = t.shard AND a.id IN (t.debit, t.credit)
WHERE t.flags & 202 = 0 AND a.book = 1 AND a.code IN (2321, 2322, 2323, 2324) AND a.subject = $2
GROUP BY t.voucher

-- name: released
-- The first released statement on or after a date. Its balances include that date, so nothing of it may be masked.
SELECT min(business_date) FROM statement WHERE merchant = $1 AND business_date >= $2

-- name: mask
INSERT INTO masked_voucher (voucher, duplicate, merchant, business_date, net, lines, masked_at)
SELECT v, $1, $2, d, n, l, $3
FROM unnest($4::uuid[], $5::date[], $6::bigint[], $7::int[]) AS t (v, d, n, l)
ON CONFLICT DO NOTHING

-- name: masked
SELECT voucher, business_date, net, lines FROM masked_voucher WHERE duplicate = $1 ORDER BY business_date, voucher
