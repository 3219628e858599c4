-- name: stop
INSERT INTO channel_stop (channel, operation, reason, stopped_by, stopped_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
RETURNING channel

-- name: stopped
SELECT stopped_by, stopped_at, reason FROM channel_stop WHERE channel = $1 AND operation = $2 FOR UPDATE

-- name: open
DELETE FROM channel_stop WHERE channel = $1 AND operation = $2 AND stopped_at = $3 RETURNING channel
