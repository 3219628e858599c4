-- name: lock
-- One refund of an operator is counted at a time, until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended(person_of($1), 2))

-- name: known
SELECT id FROM operator_act WHERE operator = $1 AND digest = $2 AND fen IS NOT NULL

-- name: moved
-- By all log-ins of the person: a second one does not double what one person may refund.
SELECT coalesce(sum(fen), 0)::bigint FROM operator_act
WHERE operator = ANY(ARRAY(SELECT name FROM operator WHERE person_of(name) = person_of($1))) AND at > $2 AND fen IS NOT NULL
