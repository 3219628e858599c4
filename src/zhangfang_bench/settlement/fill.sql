-- name: merchants
INSERT INTO merchant (id, external_ref, name, auto_payout, created_at)
SELECT 'mer_' || lpad(m::text, 26, '0'), 'M' || m, 'Merchant ' || m, false, $2 FROM generate_series(1, $1::int) m

-- name: payments
-- As many payments of the day $3 as $2 says, all proven: in the channel's file, whose money has arrived.
INSERT INTO intent (
    id, kind, merchant, order_no, idempotency_key, request_digest, amount, fee, description, channel, channel_order_no,
    requested_at, business_date, template, voucher, undo_voucher, state, settle_date, decided_at, created_at, updated_at
)
SELECT
    uuidv7(), 'collection', 'mer_' || lpad((1 + n % $1::int)::text, 26, '0'), 'o' || n, 'k' || n, '', 1000 + n % 977, 6,
    '', 'unionpay', 'c' || n, $4, $3, 'P2', uuidv7(), uuidv7(), 'SUCCESS', $3, $4, $4, $4
FROM generate_series(1, $2::int) n

-- name: listed
INSERT INTO intent_match (intent, matched_on) SELECT id, settle_date FROM intent

-- name: indexes
-- Those of payments that no rule of the table needs: built after the filling, all at once, they cost a tenth.
SELECT indexname AS name, indexdef AS made FROM pg_indexes
WHERE schemaname = 'public' AND tablename = 'intent'
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = 'intent'::regclass AND conname = indexname)

-- name: file
INSERT INTO channel_file (
    channel, settle_date, name, digest, lines, received_at, pay_in_voucher, refund_voucher, fee_voucher, void_voucher,
    arrival_voucher, pay_in_fen, refund_fen, fee_fen, net_fen, matched_at, arrived_at, arrived_seq, placed_at
)
SELECT 'unionpay', $1, 'f', 'd', 1, $2, uuidv7(), uuidv7(), uuidv7(), uuidv7(),
    uuidv7(), 1, 0, 0, 1, $2, $2, 'a', $2

-- name: pending
SELECT merchant, sum(amount - fee)::bigint AS fen FROM intent GROUP BY merchant ORDER BY merchant

-- name: aggregate
-- The floor: what each merchant gets and from how many payments, stored, and nothing else.
CREATE TABLE floor_settlement AS
SELECT merchant, sum(amount - fee)::bigint AS amount, count(*)::int AS lines FROM intent
WHERE state = 'SUCCESS' AND settlement IS NULL GROUP BY merchant

-- name: marked
-- The second floor: the mark on each payment and a step for it, in one statement.
WITH marked AS (
    UPDATE intent SET description = 'x' RETURNING id
)
INSERT INTO step (id, intent, at, kind, message) SELECT uuidv7(), id, $1, 'settled', 'floor' FROM marked

-- name: wrong
-- Merchants whose batch is not what the floor says.
SELECT count(*)::int FROM floor_settlement f
LEFT JOIN settlement s ON s.merchant = f.merchant AND s.posted_at IS NOT NULL
WHERE s.amount IS DISTINCT FROM f.amount OR s.lines IS DISTINCT FROM f.lines
