-- name: lock
-- One refund of an operator is counted at a time, until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended($1, 2))

-- name: known
SELECT id FROM operator_act WHERE operator = $1 AND digest = $2 AND fen IS NOT NULL

-- name: moved
SELECT coalesce(sum(fen), 0)::bigint FROM operator_act WHERE operator = $1 AND at > $2 AND fen IS NOT NULL
