-- name: delivered
UPDATE webhook
SET attempts = attempts + 1, last_status = $3, delivered_at = $2, next_action_at = NULL, lease_until = NULL
WHERE id = $1

-- name: try_again
UPDATE webhook
SET attempts = attempts + 1, last_status = $3, next_action_at = $4, lease_until = NULL
WHERE id = $1 AND fence = $2
