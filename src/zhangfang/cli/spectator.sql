-- name: open_intents
SELECT count(*)::int FROM intent
WHERE state IN ('CREATED', 'SENDING', 'ACCEPTED', 'UNKNOWN', 'MANUAL')
    OR state = 'REDIRECTED' AND absent_since IS NOT NULL

-- name: next_look
-- When the platform next means to look at something; null while it is looking, or another process may be.
WITH waiting AS (
    SELECT next_action_at, lease_until FROM intent
    WHERE state IN ('CREATED', 'REDIRECTED', 'SENDING', 'ACCEPTED', 'UNKNOWN', 'MANUAL')
    UNION ALL
    SELECT next_action_at, lease_until FROM task WHERE state = 'WAITING'
)
SELECT CASE
    WHEN bool_or(next_action_at <= $1 OR lease_until > clock_timestamp()) THEN NULL
    ELSE min(next_action_at)
END FROM waiting

-- name: task_done
SELECT done_at IS NOT NULL FROM task WHERE kind = $1 AND key = $2

-- name: money_arrived
SELECT arrived_at IS NOT NULL OR net_fen = 0 FROM channel_file WHERE channel = 'unionpay' AND settle_date = $1

-- name: lines_booked
SELECT count(*)::int FROM bank_line WHERE account = $1 AND posted_at IS NOT NULL

-- name: unasked
-- The line of the channel's file that nobody here asked for, and the merchant it is for.
SELECT json_build_object('break', b.id, 'merchant', m.id)::text FROM break b, merchant m
WHERE b.class = 'missing_here' AND b.cleared_at IS NULL AND m.external_ref = 'M001'

-- name: open_work
SELECT json_build_object(
    'intents', (SELECT json_agg(x) FROM (SELECT kind, order_no, state, code, message, queries, not_found
        FROM intent WHERE state NOT IN ('SUCCESS', 'FAILED', 'REFUSED', 'CLOSED') LIMIT 10) x),
    'tasks', (SELECT json_agg(t) FROM (SELECT kind, key, note, next_action_at FROM task WHERE state = 'WAITING') t),
    'bank', (SELECT json_agg(b) FROM (SELECT sequence, text, amount, credit FROM bank_line WHERE posted_at IS NULL) b))
