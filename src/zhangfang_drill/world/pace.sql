-- name: next_look
-- When anything is looked at next: a payer who has not come, or a person, is not waited for; nor is the bank's statement.
SELECT min(at) FROM (
    SELECT min(next_action_at) AS at FROM intent
    WHERE next_action_at IS NOT NULL AND (
        state NOT IN ('REDIRECTED', 'MANUAL', 'PARKED') OR next_action_at <= $1::timestamptz
    )
    UNION ALL SELECT min(next_action_at) FROM task WHERE kind NOT IN ('plan', 'statement') OR next_action_at <= $1
) AS due
