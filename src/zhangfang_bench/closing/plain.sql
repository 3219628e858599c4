-- What somebody would write over the entries alone.

-- name: trial_balance
SELECT
    account, coalesce(sum(debit_amount - credit_amount) FILTER (WHERE business_date < $1), 0)::bigint AS opening,
    coalesce(sum(debit_amount) FILTER (WHERE business_date = $1), 0)::bigint AS debit,
    coalesce(sum(credit_amount) FILTER (WHERE business_date = $1), 0)::bigint AS credit
FROM ledger_entry WHERE business_date <= $1 GROUP BY account

-- name: statement
SELECT seq, credit_amount, debit_amount FROM ledger_entry
WHERE account = ANY($1::uuid[]) AND business_date = $2 ORDER BY seq

-- name: opening
SELECT coalesce(sum(credit_amount - debit_amount), 0)::bigint FROM ledger_entry
WHERE account = ANY($1::uuid[]) AND business_date < $2

-- name: accounts
SELECT array_agg(id) FROM account WHERE subject = $1
