-- name: taken
SELECT id, order_no, request_digest FROM intent
WHERE merchant = $1 AND kind = 'collection' AND order_no = ANY($2::text[])

-- name: items
SELECT * FROM intent WHERE batch = $1 ORDER BY id

-- name: begin
UPDATE intent SET state = 'SENDING', requested_at = $2, updated_at = $3
WHERE id = ANY(ARRAY(SELECT id FROM intent WHERE batch = $1 AND state = 'CREATED' ORDER BY id FOR UPDATE))
RETURNING id

-- name: not_sent
UPDATE intent SET state = 'CREATED', updated_at = $2
WHERE id = ANY(ARRAY(SELECT id FROM intent WHERE batch = $1 AND state = 'SENDING' ORDER BY id FOR UPDATE))
RETURNING id

-- name: apart
-- The items become due one after the other, $3 apart, so that the channel is not flooded.
UPDATE intent SET
    state = 'CREATED', batch = NULL, updated_at = $2, next_action_at = $2::timestamptz + $3::interval * turn.n
FROM unnest(ARRAY(
    SELECT id FROM intent WHERE batch = $1 AND state = 'SENDING' ORDER BY id FOR UPDATE
)) WITH ORDINALITY AS turn (id, n)
WHERE intent.id = turn.id
RETURNING intent.id
