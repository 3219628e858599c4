-- name: by_id
SELECT 'payment' AS what, 'id' AS field, order_no AS key, id AS intent, NULL::date AS day, amount
FROM intent WHERE id = $1 OR channel_order_no = $2
UNION ALL
(SELECT 'voucher', 'voucher', voucher::text, memo, business_date, amount
FROM ledger_voucher($1) ORDER BY seq LIMIT 1)

-- name: by_number
SELECT 'payment' AS what, 'order_no' AS field, i.order_no AS key, i.id AS intent, NULL::date AS day, i.amount
FROM intent i
WHERE i.merchant IN (SELECT id FROM merchant)
    AND i.kind IN ('purchase', 'collection', 'refund', 'void', 'payout') AND i.order_no = $1
UNION ALL
SELECT 'payment', 'idempotency_key', i.idempotency_key, i.id, NULL, i.amount
FROM intent i WHERE i.merchant IN (SELECT id FROM merchant) AND i.idempotency_key = $1
UNION ALL
SELECT 'payment', 'channel_order_no', i.channel_order_no, i.id, NULL, i.amount
FROM intent i WHERE i.channel_order_no = $1
UNION ALL
SELECT 'payment', 'channel_ref', i.channel_ref, i.id, NULL, i.amount FROM intent i WHERE i.channel_ref = $1
UNION ALL
SELECT 'file', 'channel_ref', l.channel_ref, l.intent, l.settle_date, l.amount FROM placed_line l WHERE l.channel_ref = $1
UNION ALL
SELECT 'bank', 'bank_number', k.sequence, k.intent, k.business_date, k.amount
FROM (
    SELECT * FROM bank_line WHERE account IN (SELECT account FROM statement_cursor) AND sequence = $1
    UNION
    SELECT * FROM bank_line WHERE reference = $1
    UNION
    SELECT * FROM bank_line WHERE request_no = $1
) k
UNION ALL
SELECT 'break', 'key', b.key, b.intent, b.settle_date, b.difference FROM break b WHERE b.key = $1
UNION ALL
SELECT 'merchant', 'merchant', m.id, NULL, NULL, NULL
FROM merchant m WHERE m.id = $1 OR m.external_ref = $1 OR m.name ILIKE '%' || $2 || '%'
LIMIT 50
