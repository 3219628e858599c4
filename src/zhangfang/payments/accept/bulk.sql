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

-- name: apart
-- The items become due one after the other, $3 apart, so that the channel is not flooded.
UPDATE intent SET
    state = 'CREATED', batch = NULL, updated_at = $2, next_action_at = $2::timestamptz + $3::interval * turn.n
FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM intent WHERE batch = $1 AND state = 'SENDING') AS turn
WHERE intent.id = turn.id
RETURNING intent.id
