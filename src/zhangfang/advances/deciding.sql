-- name: add
INSERT INTO advance (id, merchant, proposal, amount, business_date, made_at) VALUES ($1, $2, $3, $4, $5, $6)

-- name: of_proposal
SELECT * FROM advance WHERE proposal = $1

-- name: end
UPDATE advance SET result = $2, ended_at = $3 WHERE id = $1 AND ended_at IS NULL
