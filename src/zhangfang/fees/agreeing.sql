-- name: agree
INSERT INTO agreed_fee (id, subject, rule, agreed_at) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING

-- name: agreed
SELECT id, rule FROM agreed_fee WHERE subject = $1 ORDER BY id
