-- name: add
INSERT INTO task (kind, key, next_action_at, ids) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING

-- name: plan_from
-- The date from which to plan: the last planned one, or the first open date with a payment if that was never planned
-- (payments were taken before the timetable first ran); null: nothing has happened yet.
WITH planned AS (
    SELECT min(key)::date AS first, max(key)::date AS last FROM task WHERE kind = 'close'
), begun AS (
    SELECT greatest((created_at AT TIME ZONE 'Asia/Shanghai')::date, (SELECT max(closed_through) + 1 FROM head)) AS day
    FROM intent ORDER BY created_at LIMIT 1
)
SELECT CASE WHEN b.day < p.first THEN b.day ELSE coalesce(p.last, b.day) END
FROM planned p LEFT JOIN begun b ON true

-- name: succeeded_at
SELECT succeeded_at FROM task WHERE kind = $1 AND key = $2

-- name: ran
UPDATE task SET
    state = CASE WHEN $4::timestamptz IS NULL THEN 'DONE' ELSE 'WAITING' END,
    note = $5, attempts = attempts + 1, next_action_at = $4, lease_until = NULL,
    done_at = CASE WHEN $4::timestamptz IS NULL THEN $6::timestamptz END,
    succeeded_at = CASE WHEN $5 = '' THEN $6::timestamptz ELSE succeeded_at END
WHERE kind = $1 AND key = $2 AND fence = $3

-- name: first
-- Whether no task of this kind waits for an earlier date. A key ends with its date.
SELECT NOT EXISTS (
    SELECT FROM task WHERE next_action_at IS NOT NULL AND kind = $1 AND right(key, 10) < right($2, 10)
)

-- name: wake
-- After a task is done: try again now what has waited for its date, and the first of its kind. What is not due yet stays.
UPDATE task SET next_action_at = $3
WHERE
    next_action_at > $3 AND attempts > 0 AND kind = ANY($4::text[])
    AND (
        right(key, 10) = right($2, 10)
        OR kind = $1
        AND right(key, 10) = (SELECT min(right(key, 10)) FROM task WHERE next_action_at IS NOT NULL AND kind = $1)
    )

-- name: done
SELECT done_at IS NOT NULL FROM task WHERE kind = $1 AND key = $2

-- name: open
SELECT EXISTS (SELECT FROM task WHERE kind = $1 AND key = $2 AND done_at IS NULL)

-- name: with_file
SELECT channel FROM channel_file WHERE settle_date = $1 ORDER BY channel
