-- name: acts
SELECT at, operator, act, target, reason FROM operator_act ORDER BY id DESC LIMIT $1

-- name: record_act
INSERT INTO operator_act (id, at, operator, act, target, reason) VALUES ($1, $2, $3, $4, $5, $6)
