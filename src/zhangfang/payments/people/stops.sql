-- name: stop
WITH stopped AS (
    INSERT INTO channel_stop (channel, operation, reason, stopped_by, stopped_at)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT DO NOTHING
    RETURNING channel
)
INSERT INTO operator_act (id, at, operator, act, target, reason)
SELECT $6, $5, $4, 'stop', $1 || '/' || $2, $3 FROM stopped

-- name: open
WITH opened AS (
    DELETE FROM channel_stop WHERE channel = $1 AND operation = $2 RETURNING channel
)
INSERT INTO operator_act (id, at, operator, act, target, reason)
SELECT $6, $5, $4, 'open', $1 || '/' || $2, $3 FROM opened
