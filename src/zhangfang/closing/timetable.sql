-- name: add
INSERT INTO task (kind, key, next_action_at, ids) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING

-- name: last_planned
SELECT max(key)::date FROM task WHERE kind = 'close'

-- name: ran
UPDATE task SET
    state = CASE WHEN $4::timestamptz IS NULL THEN 'DONE' ELSE 'WAITING' END,
    note = $5, attempts = attempts + 1, next_action_at = $4, lease_until = NULL,
    done_at = CASE WHEN $4::timestamptz IS NULL THEN $6::timestamptz END
WHERE kind = $1 AND key = $2 AND fence = $3

-- name: done
SELECT done_at IS NOT NULL FROM task WHERE kind = $1 AND key = $2

-- name: open
SELECT EXISTS (SELECT FROM task WHERE kind = $1 AND key = $2 AND done_at IS NULL)
