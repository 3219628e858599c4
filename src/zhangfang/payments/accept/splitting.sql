-- name: by_key
SELECT * FROM split_order WHERE merchant = $1 AND idempotency_key = $2

-- name: of_payment
SELECT receiver FROM split WHERE payment = $1

-- name: store
-- The order, its parts, and the payment's counter: from here on the payment is not settled until the order has ended.
WITH held AS (
    INSERT INTO split_order (
        id, payment, merchant, idempotency_key, request_digest, shares, state, business_date, created_at
    ) VALUES ($1, $2, $3, $4, $5, $6, 'OPEN', $7, $8)
), parts AS (
    INSERT INTO split (id, payment, receiver, amount, split_order, created_at)
    SELECT gen_random_uuid(), $2, s.receiver, s.amount, $1, $8 FROM unnest($9::text[], $10::bigint[]) AS s (receiver, amount)
)
UPDATE intent SET
    splitting = $1, shared = shared + $11, refund_from = coalesce(nullif(refund_from, ''), $12), updated_at = $8
WHERE id = $2

-- name: finish
-- DONE, or REFUSED: then its parts are nobody's.
WITH ended AS (
    UPDATE split_order SET state = $2, reason = $3, ledger_seq = $4, ended_at = $5 WHERE id = $1 AND state = 'OPEN'
    RETURNING id, payment
), gone AS (
    DELETE FROM split s USING ended e WHERE $2 = 'REFUSED' AND s.split_order = e.id RETURNING s.amount
)
UPDATE intent i SET
    splitting = NULL, shared = i.shared - (SELECT coalesce(sum(amount), 0) FROM gone), updated_at = $5
FROM ended e WHERE i.id = e.payment

-- name: open
SELECT * FROM split_order WHERE state = 'OPEN' ORDER BY created_at LIMIT 1000
