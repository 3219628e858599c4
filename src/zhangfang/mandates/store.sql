-- name: insert
INSERT INTO mandate (
    id, merchant, mandate_no, idempotency_key, request_digest, account_token, account_tail, name_masked, fingerprint,
    limit_each, limit_day, limit_month, valid_from, valid_until, channel, evidence, order_no, requested_at, state,
    created_at, signed_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
ON CONFLICT DO NOTHING
RETURNING id

-- name: by_key
SELECT * FROM mandate WHERE merchant = $1 AND idempotency_key = $2

-- name: by_number
SELECT * FROM mandate WHERE merchant = $1 AND mandate_no = $2

-- name: by_id
SELECT * FROM mandate WHERE merchant = $1 AND id = $2

-- name: page
SELECT * FROM mandate WHERE merchant = $1 AND id < $2 ORDER BY id DESC LIMIT $3

-- name: find
-- One for each account: of those in force on the day the newest, else the newest of all, which says why it is refused.
SELECT asked.n, found.*
FROM unnest($1::text[], $2::text[], $3::date[]) WITH ORDINALITY AS asked (merchant, fingerprint, day, n)
CROSS JOIN LATERAL (
    SELECT * FROM mandate m
    WHERE m.merchant = asked.merchant AND m.fingerprint = asked.fingerprint
    ORDER BY (m.state = 'ACTIVE' AND asked.day BETWEEN m.valid_from AND m.valid_until) DESC, m.id DESC
    LIMIT 1
) AS found

-- name: lock
SELECT * FROM mandate WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE

-- name: answered
-- The channel's last answer, and when it last sent the payer a code.
UPDATE mandate SET code = $2, message = $3, code_sent_at = coalesce($4, code_sent_at) WHERE id = $1

-- name: signed
-- A signature that comes to light after the revocation is ended at the channel as well.
UPDATE mandate SET
    state = CASE WHEN state = 'SIGNING' THEN 'ACTIVE' ELSE state END,
    agreement = $2, signed_at = $3::timestamptz, code = $4, message = $5,
    next_action_at = CASE WHEN state = 'REVOKED' THEN $3::timestamptz ELSE next_action_at END
WHERE id = $1 AND signed_at IS NULL
RETURNING *

-- name: revoke
UPDATE mandate SET
    state = 'REVOKED', revoked_at = $2::timestamptz,
    next_action_at = CASE WHEN agreement <> '' THEN $2::timestamptz END
WHERE id = $1 AND state <> 'REVOKED'
RETURNING *

-- name: ended
UPDATE mandate SET ended_at = coalesce(ended_at, $2), next_action_at = NULL, lease_until = NULL, code = $3, message = $4
WHERE id = $1

-- name: not_ended
UPDATE mandate SET next_action_at = $2, lease_until = NULL, code = $3, message = $4 WHERE id = $1 AND ended_at IS NULL

-- name: add_step
INSERT INTO mandate_step (id, mandate, at, kind, verdict, state, code, message, raw)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)

-- name: steps
SELECT * FROM mandate_step WHERE mandate = $1 ORDER BY id
