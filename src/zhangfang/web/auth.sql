-- name: open_session
INSERT INTO operator_session (token_hash, operator, expires_at) VALUES ($1, $2, now() + $3::interval)

-- name: session
SELECT s.operator FROM operator_session s JOIN operator o ON o.name = s.operator AND o.disabled_at IS NULL
WHERE s.token_hash = $1 AND s.expires_at > now()

-- name: close_session
DELETE FROM operator_session WHERE token_hash = $1 OR expires_at <= now()
