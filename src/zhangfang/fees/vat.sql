-- name: income
-- Fee income with its tax, of all days up to $1: the balance of 6001, and what was taken out of it by vouchers of these days;
-- less what earlier months have separated.
SELECT (
    coalesce((
        SELECT sum(b.credits - b.debits - b.opening)
        FROM account a JOIN books_balances($1) b ON b.shard = a.shard AND b.account = a.id
        WHERE a.code = 6001
    ), 0)
    + coalesce((
        SELECT sum(v.tax) FROM fee_vat v
        WHERE EXISTS (SELECT FROM ledger_voucher(v.voucher) t WHERE t.business_date <= $1)
    ), 0)
    - coalesce((SELECT sum(v.income) FROM fee_vat v WHERE v.month < $2), 0)
)::bigint

-- name: of_month
SELECT * FROM fee_vat WHERE month = $1

-- name: store
INSERT INTO fee_vat (month, voucher, income, rate_ppm, tax, stored_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (month) DO NOTHING

-- name: posted
UPDATE fee_vat SET posted_at = coalesce(posted_at, $2) WHERE month = $1
