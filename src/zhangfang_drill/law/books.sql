-- name: accounts
SELECT id, code, subject FROM account

-- name: entries
-- Those after a number, in order; `moves` where money is posted: no pending, no void, no flag of an account.
SELECT seq, debit, credit, amount, debit_balance, credit_balance, flags & 74 = 0 AS moves
FROM transfer WHERE shard = 0 AND seq > $1 ORDER BY seq
