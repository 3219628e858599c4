-- name: lines_of
SELECT
    t.seq, t.voucher, a.id AS account, a.code, a.subject, t.business_date, t.posted_at,
    CASE WHEN a.id = t.debit THEN t.amount END AS debit,
    CASE WHEN a.id = t.credit THEN t.amount END AS credit
FROM transfer t JOIN account a ON a.shard = t.shard AND a.id IN (t.debit, t.credit)
WHERE t.memo = $1 AND t.flags & 74 = 0
ORDER BY t.seq, a.id <> t.debit

-- name: trial_balance
SELECT
    a.book, a.code, a.subject, (array_agg(a.id))[1] AS account, (count(*))::int AS accounts,
    coalesce(sum(e.opening), 0)::bigint AS opening,
    coalesce(sum(e.debit), 0)::bigint AS debit,
    coalesce(sum(e.credit), 0)::bigint AS credit
FROM account a
LEFT JOIN (
    SELECT
        shard, account,
        sum(debit_amount - credit_amount) FILTER (WHERE business_date < $1) AS opening,
        sum(debit_amount) FILTER (WHERE business_date = $1) AS debit,
        sum(credit_amount) FILTER (WHERE business_date = $1) AS credit
    FROM ledger_entry WHERE business_date <= $1
    GROUP BY shard, account
) e ON e.shard = a.shard AND e.account = a.id
WHERE $2::int IS NULL OR a.code = $2
GROUP BY a.book, a.code, a.subject
ORDER BY a.book, a.code, a.subject

-- name: first_unequal
SELECT voucher FROM ledger_entry e JOIN account a ON a.shard = e.shard AND a.id = e.account
GROUP BY voucher, a.book
HAVING sum(debit_amount) <> sum(credit_amount)
ORDER BY min(e.seq) LIMIT 1

-- name: standing
SELECT a.book, a.code, coalesce(sum(e.debit_amount - e.credit_amount), 0)::bigint AS balance
FROM account a LEFT JOIN ledger_entry e ON e.shard = a.shard AND e.account = a.id
GROUP BY a.book, a.code
ORDER BY a.book, a.code

-- name: account_of
SELECT id, book, code, subject FROM account WHERE id = $1 LIMIT 1

-- name: history
SELECT
    seq, posted_at, business_date, voucher, memo AS intent,
    nullif(debit_amount, 0) AS debit, nullif(credit_amount, 0) AS credit, balance
FROM ledger_entry
WHERE account = $1 AND ($2::bigint IS NULL OR seq < $2)
ORDER BY seq DESC
LIMIT $3

-- name: voucher
SELECT
    t.seq, t.voucher, a.id AS account, a.code, a.subject, t.business_date, t.posted_at,
    CASE WHEN a.id = t.debit THEN t.amount END AS debit,
    CASE WHEN a.id = t.credit THEN t.amount END AS credit
FROM transfer t JOIN account a ON a.shard = t.shard AND a.id IN (t.debit, t.credit)
WHERE t.voucher = $1 AND t.flags & 74 = 0
ORDER BY t.seq, a.id <> t.debit
