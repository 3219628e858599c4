-- name: lines_of
-- By the index over memo: a payment has a handful of entries.
SELECT
    t.seq, t.voucher, a.id AS account, a.code, a.subject, t.business_date, t.posted_at, t.kind, false AS held,
    CASE WHEN a.id = t.debit THEN t.amount END AS debit,
    CASE WHEN a.id = t.credit THEN t.amount END AS credit
FROM transfer t JOIN account a ON a.shard = t.shard AND a.id IN (t.debit, t.credit)
WHERE t.memo = $1 AND t.flags & 202 = 0
ORDER BY t.seq, a.id <> t.debit

-- name: first_unequal
-- Asked only when the balance is not even, which no transfer of one book can cause; it stops at the first it meets.
SELECT t.voucher FROM transfer t
LEFT JOIN account d ON d.shard = t.shard AND d.id = t.debit
LEFT JOIN account c ON c.shard = t.shard AND c.id = t.credit
WHERE t.flags & 202 = 0 AND d.book IS DISTINCT FROM c.book
ORDER BY t.shard, t.seq LIMIT 1

-- name: standing
-- The checkpoint's balances and what came after it.
SELECT book, code, sum(debits - credits)::bigint AS balance FROM books_now GROUP BY book, code ORDER BY book, code

-- name: merchant_names
SELECT id, name FROM merchant WHERE id = ANY($1::text[])

-- name: account_of
SELECT id, book, code, subject FROM account WHERE id = $1 LIMIT 1

-- name: history
-- `books_newest` reads page after page, newest first, and stops when it has the rows asked for.
SELECT
    t.seq, t.posted_at, t.business_date, t.voucher, t.memo AS intent,
    CASE WHEN t.debit = a.id THEN t.amount END AS debit, CASE WHEN t.credit = a.id THEN t.amount END AS credit,
    CASE WHEN t.debit = a.id THEN t.debit_balance ELSE t.credit_balance END AS balance
FROM account a
CROSS JOIN LATERAL unnest(books_newest(a.shard, a.id, coalesce($2, 9223372036854775807), $3)) AS newest (seq)
JOIN transfer t ON t.shard = a.shard AND t.seq = newest.seq
WHERE a.id = $1
ORDER BY t.seq DESC

-- name: entries
SELECT coalesce(sum(cardinality(books_newest(a.shard, a.id, 9223372036854775807, $2))), 0)::bigint FROM account a
WHERE a.id = $1

-- name: voucher
-- The lines of a voucher are found by their ids, which are its own and a number. A hold that is open still stands as held; one that was posted or given
-- back has its entry for that.
SELECT
    t.seq, t.voucher, a.id AS account, a.code, a.subject, t.business_date, t.posted_at, t.kind, t.flags & 2 <> 0 AS held,
    CASE WHEN a.id = t.debit THEN t.amount END AS debit,
    CASE WHEN a.id = t.credit THEN t.amount END AS credit
FROM ledger_voucher($1) t JOIN account a ON a.shard = t.shard AND a.id IN (t.debit, t.credit)
WHERE t.flags & 202 = 0
    OR t.flags & 2 <> 0 AND NOT EXISTS (SELECT FROM transfer r WHERE r.shard = t.shard AND r.pending_id = t.id)
ORDER BY t.seq, a.id <> t.debit

-- name: voucher_links
-- What the voucher reverses, what reverses it, and the payment that it is of.
SELECT
    (array_agg(t.reverses) FILTER (WHERE t.reverses IS NOT NULL))[1] AS reverses,
    (SELECT r.voucher FROM transfer r WHERE r.reverses = $1 ORDER BY r.shard, r.seq LIMIT 1) AS reversed_by,
    (SELECT i.id FROM intent i WHERE i.id = (array_agg(t.memo))[1]) AS payment,
    (SELECT max(h.closed_through) FROM head h) AS closed_through
FROM ledger_voucher($1) t
