-- name: add
INSERT INTO adjustment (
    id, purpose, template, said, legs, amount, business_date, reverses, of, proposal, made_by, made_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)

-- name: get
SELECT id, purpose, template, said, amount, business_date, reverses, of, proposal, made_by, made_at, seq, result, ended_at
FROM adjustment WHERE id = $1

-- name: of_proposals
SELECT id, purpose, template, said, amount, business_date, reverses, of, proposal, made_by, made_at, seq, result, ended_at
FROM adjustment WHERE proposal = ANY($1::uuid[])

-- name: reversal_of
SELECT id, purpose, template, said, amount, business_date, reverses, of, proposal, made_by, made_at, seq, result, ended_at
FROM adjustment WHERE reverses = $1 AND (result IS NULL OR result = 'posted')

-- name: end
UPDATE adjustment SET seq = $2, result = $3, ended_at = $4 WHERE id = $1 AND ended_at IS NULL

-- name: missing
-- Accounts that are not open.
SELECT w.id FROM unnest($1::uuid[]) AS w (id) WHERE NOT EXISTS (SELECT FROM account a WHERE a.id = w.id)

-- name: lock
-- One adjustment of a person is counted at a time, until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended(person_of($1), 3))

-- name: proposed
-- What a person has proposed since a moment, by all log-ins, and what was not withdrawn.
SELECT coalesce(sum((p.content::json->>'amount')::bigint), 0)::bigint FROM proposal_standing p
WHERE p.kind = 'adjustment' AND p.proposed_at > $2 AND person_of(p.proposed_by) = person_of($1)
    AND p.decision IS DISTINCT FROM 'withdraw'
