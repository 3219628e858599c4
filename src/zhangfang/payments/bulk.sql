-- name: taken
SELECT id, order_no, request_digest FROM intent
WHERE merchant = $1 AND kind = 'collection' AND order_no = ANY($2::text[])

-- name: items
SELECT * FROM intent WHERE batch = $1 ORDER BY id

-- name: begin
UPDATE intent SET state = 'SENDING', requested_at = $2, updated_at = $3
WHERE batch = $1 AND state = 'CREATED'
RETURNING id

-- name: not_sent
UPDATE intent SET state = 'CREATED', updated_at = $2 WHERE batch = $1 AND state = 'SENDING' RETURNING id
