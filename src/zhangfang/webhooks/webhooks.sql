-- name: lock_merchant
SELECT id FROM merchant WHERE id = $1 FOR UPDATE

-- name: others
SELECT count(*) FROM webhook_endpoint WHERE merchant = $1 AND url <> $2

-- name: put
INSERT INTO webhook_endpoint (id, merchant, url, secret_token, created_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (merchant, url) DO UPDATE SET secret_token = excluded.secret_token, fence = webhook_endpoint.fence + 1
RETURNING id

-- name: endpoints
SELECT
    e.id, e.merchant, e.url, e.enabled, e.created_at, e.failures, e.rest_until,
    (
        SELECT d.created_at FROM webhook_delivery d
        WHERE d.endpoint = e.id AND d.next_action_at IS NOT NULL ORDER BY d.next_action_at LIMIT 1
    ) AS waiting_since
FROM webhook_endpoint e
WHERE e.merchant = $1
ORDER BY e.created_at, e.id

-- name: lock
SELECT id FROM webhook_endpoint WHERE merchant = $1 AND id = $2 FOR UPDATE

-- name: change_url
UPDATE webhook_endpoint SET url = $2, secret_token = $3 WHERE id = $1

-- name: switch
UPDATE webhook_endpoint SET enabled = $2 WHERE id = $1

-- name: begin_anew
-- After a person's change: a turn that is under way sends nothing more, and the next one begins without a rest.
UPDATE webhook_endpoint e SET
    failures = 0, rest_until = NULL, lease_until = NULL, fence = fence + 1,
    next_action_at = CASE WHEN e.enabled THEN (
        SELECT d.next_action_at FROM webhook_delivery d
        WHERE d.endpoint = e.id AND d.next_action_at IS NOT NULL ORDER BY d.next_action_at LIMIT 1
    ) END
WHERE e.id = $1

-- name: forget_deliveries
DELETE FROM webhook_delivery WHERE endpoint = $1 AND delivered_at IS NULL

-- name: remove
DELETE FROM webhook_endpoint WHERE id = $1

-- name: deliveries
SELECT
    d.webhook AS event, w.event AS type, d.attempts, d.last_status, d.note, d.created_at, d.next_action_at,
    d.delivered_at
FROM webhook_delivery d JOIN webhook w ON w.id = d.webhook
WHERE d.endpoint = $1 AND d.webhook < $2
ORDER BY d.webhook DESC LIMIT $3

-- name: failed
SELECT
    d.webhook AS event, w.event AS type, d.attempts, d.last_status, d.note, d.created_at, d.next_action_at,
    d.delivered_at
FROM webhook_delivery d JOIN webhook w ON w.id = d.webhook
WHERE d.endpoint = $1 AND d.webhook < $2 AND d.delivered_at IS NULL AND d.next_action_at IS NULL
ORDER BY d.webhook DESC LIMIT $3

-- name: again
UPDATE webhook_delivery SET attempts = 0, next_action_at = $3, delivered_at = NULL
WHERE endpoint = $1 AND webhook = $2
RETURNING webhook

-- name: all_failed_again
UPDATE webhook_delivery SET attempts = 0, next_action_at = $3
WHERE endpoint = $1 AND delivered_at IS NULL AND next_action_at IS NULL AND created_at >= $2
RETURNING webhook

-- name: spread
-- Gives an event to each endpoint of its merchant. The endpoints are locked first: one that is about to find nothing to
-- do and to sleep either sees the delivery, or is woken after that, by what `told` read when it had the lock.
WITH told AS (
    SELECT id, enabled, next_action_at, rest_until FROM webhook_endpoint WHERE merchant = $2 ORDER BY id FOR UPDATE
), made AS (
    INSERT INTO webhook_delivery (endpoint, webhook, next_action_at, created_at)
    SELECT t.id, w.id, $3, w.created_at FROM told t JOIN webhook w ON w.id = $1
    ON CONFLICT DO NOTHING
), woken AS (
    UPDATE webhook_endpoint e SET next_action_at = greatest($3, t.rest_until)
    FROM told t
    WHERE
        e.id = t.id AND t.enabled
        AND (t.next_action_at IS NULL OR t.next_action_at > greatest($3, t.rest_until))
)
UPDATE webhook SET next_action_at = NULL, lease_until = NULL WHERE id = $1

-- name: due
-- Nothing if the endpoint was changed, or another process took it over.
SELECT w.id, w.intent, w.event, w.payload, d.attempts
FROM webhook_endpoint e
JOIN webhook_delivery d ON d.endpoint = e.id AND d.next_action_at <= $3
JOIN webhook w ON w.id = d.webhook
WHERE e.id = $1 AND e.fence = $2 AND e.enabled
ORDER BY d.next_action_at, d.webhook LIMIT $4

-- name: tried
-- What was delivered was delivered; a failure counts only if the endpoint is still ours.
UPDATE webhook_delivery d SET
    attempts = d.attempts + 1, last_status = t.status, note = t.note, next_action_at = t.again,
    delivered_at = CASE WHEN t.taken THEN $3::timestamptz END
FROM unnest($4::uuid[], $5::int[], $6::text[], $7::boolean[], $8::timestamptz[])
    AS t (webhook, status, note, taken, again)
WHERE
    d.endpoint = $1 AND d.webhook = t.webhook
    AND (t.taken OR EXISTS (SELECT FROM webhook_endpoint e WHERE e.id = $1 AND e.fence = $2))

-- name: hold
SELECT id FROM webhook_endpoint WHERE id = $1 AND fence = $2 FOR UPDATE

-- name: rest
-- The next turn is when the first delivery is due; behind all others if that is now.
UPDATE webhook_endpoint e SET
    failures = $2, rest_until = $3, lease_until = NULL,
    next_action_at = CASE WHEN e.enabled THEN (
        SELECT greatest(d.next_action_at, $4, $3) FROM webhook_delivery d
        WHERE d.endpoint = e.id AND d.next_action_at IS NOT NULL ORDER BY d.next_action_at LIMIT 1
    ) END
WHERE e.id = $1
