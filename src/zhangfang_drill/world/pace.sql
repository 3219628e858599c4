-- name: next_look
-- The next due time. Not counted unless already due: intents that wait for a payer or a person, plans, bank statements.
SELECT min(at) FROM (
    SELECT min(next_action_at) AS at FROM intent
    WHERE next_action_at IS NOT NULL AND (
        state NOT IN ('REDIRECTED', 'MANUAL', 'PARKED') OR next_action_at <= $1::timestamptz
    )
    UNION ALL SELECT min(next_action_at) FROM task WHERE kind NOT IN ('plan', 'statement') OR next_action_at <= $1
) AS due
