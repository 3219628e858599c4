-- name: intent
SELECT * FROM intent WHERE id = $1

-- name: propose
WITH made AS (
    INSERT INTO outcome (
        id, intent, state, amount, settle_date, channel_ref, reason, evidence, proposed_by, proposed_at
    ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT DO NOTHING
    RETURNING id
)
INSERT INTO operator_act (id, at, operator, act, target, reason)
SELECT $11, $10, $9, 'outcome_propose', $12, $3 || ': ' || $7 FROM made
RETURNING id

-- name: get
SELECT * FROM outcome WHERE id = $1

-- name: approve
WITH agreed AS (
    UPDATE outcome SET approved_by = $2, approved_at = $3
    WHERE id = $1 AND approved_by IS NULL AND ended_at IS NULL
    RETURNING state, reason
)
INSERT INTO operator_act (id, at, operator, act, target, reason)
SELECT $4, $3, $2, 'outcome_approve', $5, state || ': ' || reason FROM agreed

-- name: withdraw
WITH withdrawn AS (
    UPDATE outcome SET result = 'withdrawn', ended_at = $3
    WHERE id = $1 AND approved_by IS NULL AND ended_at IS NULL
    RETURNING state
)
INSERT INTO operator_act (id, at, operator, act, target, reason)
SELECT $4, $3, $2, 'outcome_withdraw', $5, state FROM withdrawn
RETURNING id

-- name: ended
UPDATE outcome SET result = $2, ended_at = $3 WHERE id = $1 AND ended_at IS NULL

-- name: listed
SELECT o.*, i.kind, i.merchant, i.order_no, i.amount AS asked, i.channel_order_no, i.state AS standing
FROM outcome o JOIN intent i ON i.id = o.intent
WHERE ($1 OR o.ended_at IS NULL) AND ($2::uuid IS NULL OR o.intent = $2)
ORDER BY o.id
