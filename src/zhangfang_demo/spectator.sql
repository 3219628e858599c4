-- name: open_intents
SELECT count(*)::int FROM intent
WHERE state IN ('CREATED', 'SENDING', 'ACCEPTED', 'UNKNOWN', 'MANUAL')
    OR state = 'REDIRECTED' AND absent_since IS NOT NULL

-- name: next_look
-- When the platform next means to look at something; null while it has something to do at once. A lease without a fence
-- is the one that an intent is born with: whoever waits for the answer to its first message holds no clock up.
WITH waiting AS (
    SELECT next_action_at, fence = 0 AND lease_until > clock_timestamp() AS first FROM intent
    WHERE state IN ('CREATED', 'REDIRECTED', 'SENDING', 'ACCEPTED', 'UNKNOWN', 'MANUAL')
    UNION ALL
    SELECT next_action_at, false FROM task WHERE state = 'WAITING'
)
SELECT CASE
    WHEN bool_or(next_action_at <= $1 AND NOT first) THEN NULL
    ELSE min(next_action_at) FILTER (WHERE next_action_at > $1)
END FROM waiting

-- name: task_done
SELECT done_at IS NOT NULL FROM task WHERE kind = $1 AND key = $2

-- name: day_planned
SELECT EXISTS (SELECT FROM task WHERE kind = 'close' AND key = $1)

-- name: money_arrived
SELECT count(*) = cardinality($2::text[]) FROM channel_file
WHERE channel = ANY($2) AND settle_date = $1 AND (arrived_at IS NOT NULL OR net_fen = 0)

-- name: lines_booked
SELECT count(*)::int FROM bank_line WHERE account = $1 AND posted_at IS NOT NULL

-- name: static_code_break
-- The line of the channel's file that nobody here asked for, and the merchant whose code it carries.
SELECT json_build_object(
    'break', b.id, 'merchant', m.id, 'proposed', b.proposed_by IS NOT NULL, 'cleared', b.cleared_at IS NOT NULL
)::text
FROM break b, merchant m
WHERE b.class = 'missing_here' AND b.note = 'M001-STATIC-CODE-1' AND m.external_ref = 'M001'

-- name: open_work
SELECT json_build_object(
    'intents', (SELECT json_agg(x) FROM (SELECT kind, order_no, state, code, message, queries, not_found
        FROM intent WHERE state NOT IN ('SUCCESS', 'FAILED', 'REFUSED', 'CLOSED') LIMIT 10) x),
    'tasks', (SELECT json_agg(t) FROM (SELECT kind, key, note, next_action_at FROM task WHERE state = 'WAITING') t),
    'bank', (SELECT json_agg(b) FROM (SELECT sequence, text, amount, credit FROM bank_line WHERE posted_at IS NULL) b))
