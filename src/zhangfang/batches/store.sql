-- name: insert
INSERT INTO batch (id, merchant, batch_no, partial, state, told, next_action_at, created_at)
VALUES ($1, $2, $3, $4, 'LOADING', $5, $6, $7)

-- name: accepted
UPDATE batch SET state = 'ACCEPTED', digest = $2, items = $3, amount = $4, next_action_at = $5, lease_until = NULL
WHERE id = $1 AND state = 'LOADING'
RETURNING *

-- name: discard_items
DELETE FROM batch_item USING batch
WHERE batch_item.batch = $1 AND batch.id = $1 AND batch.state = 'LOADING'

-- name: discard
DELETE FROM batch WHERE id = $1 AND state = 'LOADING'

-- name: by_number
SELECT * FROM batch WHERE merchant = $1 AND batch_no = $2 AND state <> 'LOADING'

-- name: by_id
SELECT * FROM batch WHERE merchant = $1 AND id = $2 AND state <> 'LOADING'

-- name: any_by_id
SELECT * FROM batch WHERE id = $1 AND state <> 'LOADING'

-- name: unfinished
SELECT count(*) FROM batch WHERE merchant = $1 AND state <> 'FINISHED'

-- name: waiting
SELECT * FROM batch_item WHERE batch = $1 AND state = 'WAITING' ORDER BY line LIMIT $2

-- name: lock_waiting
SELECT line FROM batch_item WHERE batch = $1 AND line = ANY($2::int[]) AND state = 'WAITING' ORDER BY line FOR UPDATE

-- name: decided
-- From here on the intent has the account's token; a refused item needs none.
UPDATE batch_item b SET
    state = CASE WHEN d.intent IS NULL THEN 'REFUSED' ELSE 'ACCEPTED' END,
    intent = d.intent, code = d.code, message = d.message, account_token = ''
FROM unnest($2::int[], $3::uuid[], $4::text[], $5::text[]) AS d (line, intent, code, message)
WHERE b.batch = $1 AND b.line = d.line

-- name: lock
SELECT * FROM batch WHERE id = $1 FOR UPDATE

-- name: alone_until
UPDATE batch SET alone_until = $2 WHERE id = $1

-- name: look_again
UPDATE batch SET next_action_at = $3, lease_until = NULL WHERE id = $1 AND fence = $2

-- name: is_open
SELECT EXISTS (SELECT FROM batch_item WHERE batch = $1 AND state = 'WAITING') OR EXISTS (
    SELECT FROM batch_item b JOIN intent i ON i.id = b.intent
    WHERE b.batch = $1 AND i.state NOT IN ('SUCCESS', 'FAILED', 'REFUSED', 'CLOSED')
)

-- name: finished
UPDATE batch SET state = 'FINISHED', finished_at = $2, next_action_at = NULL, lease_until = NULL
WHERE id = $1 AND state = 'ACCEPTED'
RETURNING id

-- name: progress
SELECT coalesce(i.state, b.state) AS state, count(*)::int AS items, sum(b.amount)::bigint AS amount
FROM batch_item b LEFT JOIN intent i ON i.id = b.intent
WHERE b.batch = $1
GROUP BY 1

-- name: items
SELECT
    b.line, b.order_no, b.amount, coalesce(i.state, b.state) AS state, b.intent AS payment,
    coalesce(i.code, b.code) AS code, coalesce(i.message, b.message) AS message,
    coalesce(i.settle_date::text, '') AS settle_date, b.account_tail AS tail
FROM batch_item b LEFT JOIN intent i ON i.id = b.intent
WHERE b.batch = $1 AND b.line > $2
ORDER BY b.line LIMIT $3

-- name: carried
SELECT * FROM channel_batch WHERE batch = $1 ORDER BY id

-- name: insert_channel_batches
INSERT INTO channel_batch (
    id, batch, channel, operation, items, amount, state, next_action_at, created_at, updated_at
)
SELECT t.id, $2, t.channel, 'collection', t.items, t.amount, 'CREATED', $6, $6, $6
FROM unnest($1::uuid[], $3::text[], $4::int[], $5::bigint[]) AS t (id, channel, items, amount)

-- name: next_number
INSERT INTO channel_batch_number AS n (channel, day, last) VALUES ($1, $2, 1)
ON CONFLICT (channel, day) DO UPDATE SET last = n.last + 1 WHERE n.last < 9999
RETURNING last

-- name: begin
UPDATE channel_batch SET
    state = 'SENDING', number = $3, day = $4, requested_at = $5, updated_at = $6, next_action_at = $7
WHERE id = $1 AND fence = $2 AND state = 'CREATED'
RETURNING *

-- name: again
UPDATE channel_batch SET state = 'UNKNOWN', not_found = 0, updated_at = $3
WHERE id = $1 AND fence = $2 AND state IN ('SENDING', 'ACCEPTED', 'UNKNOWN')
RETURNING *

-- name: not_sent
UPDATE channel_batch SET
    state = 'CREATED', number = NULL, day = NULL, requested_at = NULL, updated_at = $3, next_action_at = $4,
    lease_until = NULL
WHERE id = $1 AND fence = $2 AND state = 'SENDING'
RETURNING id

-- name: said
UPDATE channel_batch SET
    state = $3, code = coalesce(nullif($4, ''), code), message = coalesce(nullif($5, ''), message), queries = queries + $6, not_found = $7, next_action_at = $8,
    lease_until = CASE WHEN $9 THEN NULL ELSE lease_until END, updated_at = $10
WHERE id = $1 AND fence = $2
RETURNING *

-- name: wait
UPDATE channel_batch SET next_action_at = $3, lease_until = NULL, updated_at = $4 WHERE id = $1 AND fence = $2

-- name: add_step
INSERT INTO channel_batch_step (id, channel_batch, at, kind, verdict, code, message, raw)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
