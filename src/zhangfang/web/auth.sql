-- name: add_operator
INSERT INTO operator (name, salt, hash, created_at)
SELECT $1, $2, $3, $4 WHERE NOT EXISTS (SELECT FROM operator)
ON CONFLICT DO NOTHING
RETURNING name

-- name: has_operator
SELECT EXISTS (SELECT FROM operator)

-- name: operator
SELECT salt, hash FROM operator WHERE name = $1

-- name: open_session
INSERT INTO operator_session (token_hash, operator, expires_at) VALUES ($1, $2, now() + $3::interval)

-- name: session
SELECT operator FROM operator_session WHERE token_hash = $1 AND expires_at > now()

-- name: close_session
DELETE FROM operator_session WHERE token_hash = $1 OR expires_at <= now()
