-- name: has_operator
SELECT EXISTS (SELECT FROM operator)

-- name: add_first
INSERT INTO operator (name, salt, hash, passes, created_at)
SELECT $1, $2, $3, $4, $5 WHERE NOT EXISTS (SELECT FROM operator)
ON CONFLICT DO NOTHING
RETURNING name

-- name: add
INSERT INTO operator (name, salt, hash, passes, created_at, person) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING
RETURNING name

-- name: reset
UPDATE operator SET salt = $2, hash = $3, passes = $4, disabled_at = NULL WHERE name = $1 RETURNING name

-- name: disable
UPDATE operator SET disabled_at = coalesce(disabled_at, $2) WHERE name = $1 RETURNING name

-- name: end_sessions
DELETE FROM operator_session WHERE operator = $1

-- name: secret
SELECT name, salt, hash, passes FROM operator WHERE name = $1 AND disabled_at IS NULL

-- name: listed
SELECT o.name, person_of(o.name) AS person, o.created_at, o.disabled_at,
    coalesce((
        SELECT r.roles FROM operator_role r WHERE r.person = person_of(o.name) ORDER BY r.seq DESC LIMIT 1
    ), '{}') AS roles
FROM operator o ORDER BY o.name

-- name: is_one_person
SELECT person_of($1) = person_of($2)

-- name: logins_of
SELECT name FROM operator WHERE person_of(name) = person_of($1)
