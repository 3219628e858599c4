-- name: to_bill
-- Merchants with something that is not billed yet and belongs to a day up to $1.
SELECT DISTINCT merchant FROM intent
WHERE state = 'SUCCESS' AND fee_taken IN ('month', 'available') AND fee_bill IS NULL
    AND coalesce(settle_date, business_date) <= $1
ORDER BY merchant

-- name: still_open
SELECT count(*)::int FROM intent
WHERE state IN ('CREATED', 'PARKED', 'REDIRECTED', 'SENDING', 'ACCEPTED', 'UNKNOWN', 'MANUAL') AND business_date <= $1
    AND fee_taken IN ('month', 'available')

-- name: lock_unbilled
-- In the order in which they count. A refund comes after its payment, and has what earlier refunds were billed with.
SELECT
    i.id, i.original, i.template, i.amount, i.fee_rule, i.fee_taken, i.created_at, o.amount AS original_amount,
    o.fee_rule AS original_rule, o.created_at AS original_at, l.fee AS original_fee,
    coalesce(b.amount, 0)::bigint AS refunded, coalesce(b.fee, 0)::bigint AS given
FROM intent i
LEFT JOIN intent o ON o.id = i.original
LEFT JOIN fee_bill_line l ON l.intent = i.original
LEFT JOIN LATERAL (
    SELECT sum(r.amount) AS amount, -sum(rl.fee) AS fee
    FROM intent r JOIN fee_bill_line rl ON rl.intent = r.id
    WHERE i.original IS NOT NULL AND r.original = i.original
) AS b ON true
WHERE i.merchant = $1 AND i.state = 'SUCCESS' AND i.fee_taken IN ('month', 'available') AND i.fee_bill IS NULL
    AND coalesce(i.settle_date, i.business_date) <= $2
    AND NOT EXISTS (SELECT FROM break f WHERE f.intent = i.id AND f.cure = 'B6') -- a false success
ORDER BY i.original IS NOT NULL, i.id
FOR UPDATE OF i

-- name: add_bill
INSERT INTO fee_bill (id, merchant, month, amount, lines, automatic, voucher, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (merchant, month) DO NOTHING
RETURNING id

-- name: add_lines
INSERT INTO fee_bill_line (intent, bill, fee, number)
SELECT l.intent, $1, l.fee, l.number FROM unnest($2::uuid[], $3::bigint[], $4::int[]) AS l (intent, fee, number)

-- name: mark
UPDATE intent SET fee_bill = $1 WHERE id = ANY($2::uuid[])

-- name: unposted
SELECT * FROM fee_bill WHERE posted_at IS NULL ORDER BY id

-- name: posted
UPDATE fee_bill SET posted_at = coalesce(posted_at, $2), paid_at = CASE WHEN amount = 0 THEN $2 ELSE paid_at END WHERE id = $1

-- name: unpaid
SELECT * FROM fee_bill WHERE automatic AND posted_at IS NOT NULL AND paid_at IS NULL ORDER BY id

-- name: bill
SELECT * FROM fee_bill WHERE id = $1

-- name: begin_payment
-- The id of this try; of two at once both get the first one's.
UPDATE fee_bill SET paid_voucher = coalesce(paid_voucher, $2) WHERE id = $1 AND paid_at IS NULL AND paid_line IS NULL RETURNING paid_voucher

-- name: claim
-- The bill of the amount $1 that the bank line $4 pays: its own already, or one that it names ($2), or the only one of the
-- merchant called $3. A bill that is just being taken from available money is not free.
UPDATE fee_bill SET paid_line = $4, paid_voucher = $5
WHERE id = (
    SELECT b.id FROM fee_bill b JOIN merchant m ON m.id = b.merchant
    WHERE b.posted_at IS NOT NULL AND b.amount = $1
        AND (b.paid_line = $4 OR b.paid_at IS NULL AND b.paid_voucher IS NULL)
        AND (b.paid_line = $4 OR b.id = ANY($2::uuid[]) OR m.name = $3 AND NOT EXISTS (
            SELECT FROM fee_bill o JOIN merchant n ON n.id = o.merchant
            WHERE o.id <> b.id AND o.amount = $1 AND o.posted_at IS NOT NULL AND o.paid_at IS NULL AND n.name = $3
        ))
    ORDER BY b.paid_line IS NULL, NOT b.id = ANY($2::uuid[]), b.id LIMIT 1
) AND (paid_line = $4 OR paid_at IS NULL AND paid_voucher IS NULL)
RETURNING id, merchant

-- name: paid
UPDATE fee_bill SET paid_at = coalesce(paid_at, $2), paid_voucher = $3 WHERE id = $1

-- name: not_paid
UPDATE fee_bill SET paid_voucher = NULL WHERE id = $1 AND paid_voucher = $2 AND paid_at IS NULL

-- name: bills
SELECT * FROM fee_bill WHERE ($1::text IS NULL OR merchant = $1) AND ($2::date IS NULL OR month = $2)
ORDER BY month DESC, merchant LIMIT 200

-- name: lines_of
SELECT l.number, l.fee, i.id, i.kind, i.order_no, i.amount, coalesce(i.settle_date, i.business_date) AS day
FROM fee_bill_line l JOIN intent i ON i.id = l.intent
WHERE l.bill = $1 ORDER BY l.number LIMIT $2
