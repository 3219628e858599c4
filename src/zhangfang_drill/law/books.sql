-- name: accounts
SELECT id, code, subject FROM account

-- name: entries
-- The transfers after a number, in order. `moves`: it posts money; a pending, a void and a change of flags do not.
SELECT seq, debit, credit, amount, debit_balance, credit_balance, flags & 74 = 0 AS moves
FROM transfer WHERE shard = 0 AND seq > $1 ORDER BY seq
