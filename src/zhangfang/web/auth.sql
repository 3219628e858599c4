-- name: make_key
INSERT INTO console_key (key) VALUES ($1) ON CONFLICT DO NOTHING

-- name: key
SELECT key FROM console_key

-- name: count_attempt
INSERT INTO login_failure AS f (name, failures, last_at) VALUES ($1, 1, now())
ON CONFLICT (name) DO UPDATE SET
    failures = CASE WHEN f.last_at < now() - $2::interval THEN 1 ELSE f.failures + 1 END,
    last_at = CASE WHEN f.failures >= $3 AND f.last_at >= now() - $2::interval THEN f.last_at ELSE now() END
RETURNING failures, last_at + $2::interval AS locked_until

-- name: forget_attempts
DELETE FROM login_failure WHERE name = $1 OR last_at < now() - interval '1 day'

-- name: open_session
INSERT INTO operator_session (token_hash, operator, expires_at) VALUES ($1, $2, now() + $3::interval)

-- name: session
SELECT s.operator FROM operator_session s JOIN operator o ON o.name = s.operator AND o.disabled_at IS NULL
WHERE s.token_hash = $1 AND s.expires_at > now()

-- name: close_session
DELETE FROM operator_session WHERE token_hash = $1 OR expires_at <= now()
