-- name: keep
INSERT INTO kept_account (id, token, kept_at) VALUES ($1, $2, $3)

-- name: kept
SELECT token FROM kept_account WHERE id = $1
