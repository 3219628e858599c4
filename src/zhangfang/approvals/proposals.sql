-- name: lock
-- One decision about a proposal at a time, until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended($1, 1))

-- name: propose
INSERT INTO proposal (id, kind, target, content, hash, proposed_by, proposed_at, reason)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: another_open
SELECT proposed_by FROM proposal_standing
WHERE target = $2 AND kind = $1 AND id <> $3 AND (decision IS NULL OR decision = 'approve' AND done_at IS NULL)

-- name: get
SELECT * FROM proposal_standing WHERE id = $1

-- name: listed
SELECT * FROM proposal_standing
WHERE ($1::text IS NULL OR kind = $1) AND ($2::text IS NULL OR target = $2)
    AND ($3 OR decision IS NULL OR decision = 'approve' AND done_at IS NULL)
ORDER BY id DESC LIMIT $4

-- name: may_act
SELECT EXISTS (SELECT FROM operator WHERE name = $1 AND disabled_at IS NULL)
