-- name: balances
-- The customers' book at the end of a business date, by code, debit above zero.
SELECT a.code, sum(b.opening + b.debits - b.credits)::bigint AS fen
FROM books_balances($1) b JOIN account a ON a.shard = b.shard AND a.id = b.account
WHERE a.book = 1
GROUP BY a.code HAVING sum(b.opening + b.debits - b.credits) <> 0
ORDER BY a.code

-- name: cash
-- What the books have on each reserve account, and what the bank says: the balance of its last line up to the date.
SELECT a.subject AS account, sum(b.opening + b.debits - b.credits)::bigint AS books, max(l.balance)::bigint AS bank,
    max(l.business_date) AS as_of
FROM books_balances($1) b
JOIN account a ON a.shard = b.shard AND a.id = b.account AND a.code = 1003
LEFT JOIN LATERAL (
    SELECT balance, business_date FROM bank_line
    WHERE account = a.subject AND business_date <= $1
    ORDER BY business_date DESC, booked_at DESC, length(sequence) DESC, sequence DESC LIMIT 1
) l ON true
GROUP BY a.subject HAVING max(l.balance) IS NOT NULL OR sum(b.opening + b.debits - b.credits) <> 0
ORDER BY a.subject

-- name: owed
SELECT coalesce(sum(debits - credits), 0)::bigint FROM books_now WHERE code = 1241

-- name: own_bank
-- The company's own account: 1002 and what the bank's last line says, money between it and the reserve (1225), and movements
-- that are the company's other business (2241, a credit above zero).
SELECT
    coalesce((SELECT sum(debits - credits) FROM books_now WHERE code = 1002 AND subject = 'own'), 0)::bigint AS books,
    l.balance AS bank, l.business_date AS as_of,
    coalesce((SELECT sum(debits - credits) FROM books_now WHERE code = 1225), 0)::bigint AS transit,
    coalesce((SELECT sum(credits - debits) FROM books_now WHERE code = 2241), 0)::bigint AS other
FROM (SELECT 1) AS one
LEFT JOIN LATERAL (
    SELECT balance, business_date FROM bank_line WHERE account = 'own'
    ORDER BY business_date DESC, booked_at DESC, length(sequence) DESC, sequence DESC LIMIT 1
) l ON true
