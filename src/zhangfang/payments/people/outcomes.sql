-- name: intents
SELECT * FROM intent WHERE id = ANY($1::uuid[])
