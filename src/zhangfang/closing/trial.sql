-- name: trial_balance
-- One row per account: the last row of its roll up to the date, and the pages since the roll. Entries that the roll has
-- counted are not read.
SELECT
    a.book, a.code, a.subject, a.id AS account, 1 AS accounts, b.opening, b.debits AS debit, b.credits AS credit
FROM books_balances($1) b JOIN account a ON a.shard = b.shard AND a.id = b.account
WHERE $2::int IS NULL OR a.code = $2
ORDER BY a.book, a.code, a.subject, a.shard
