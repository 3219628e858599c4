-- name: add
INSERT INTO money_freeze (id, merchant, kind, reference, reason, amount, expires_on, frozen_by, frozen_at, next_action_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)

-- name: lock
SELECT id FROM money_freeze WHERE id = $1 FOR UPDATE

-- name: get
SELECT id, merchant, kind, reference, reason, amount, given_up, expires_on, frozen_by, frozen_at, ended_at, held, unanswered
FROM freeze_standing WHERE id = $1

-- name: listed
SELECT id, merchant, kind, reference, reason, amount, given_up, expires_on, frozen_by, frozen_at, ended_at, held, unanswered
FROM freeze_standing WHERE ($1 OR ended_at IS NULL) AND ($2::text IS NULL OR merchant = $2)
ORDER BY id DESC LIMIT $3

-- name: vouchers
SELECT id, purpose, template, said, amount, business_date, reverses, of, proposal, made_by, made_at, seq, result, ended_at
FROM adjustment WHERE of = $1 ORDER BY id

-- name: unanswered
SELECT id FROM adjustment WHERE of = $1 AND ended_at IS NULL ORDER BY id

-- name: look_again
UPDATE money_freeze SET next_action_at = $2, lease_until = NULL WHERE id = $1

-- name: give_up
UPDATE money_freeze SET
    given_up = given_up + $2,
    ended_at = CASE WHEN given_up + $2 = amount THEN $3::timestamptz END
WHERE id = $1
