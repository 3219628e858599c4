-- name: lock
-- One change of a release at a time, until the transaction ends; who only reads does not notice.
SELECT pg_advisory_xact_lock(hashtext('table_release'))

-- name: propose
INSERT INTO table_release (version, kind, rows, digest, state, made_by, made_at, reason, proposal)
SELECT coalesce(max(version), 0) + 1, $1, $2, $3, 'draft', $4, $5, $6, $7 FROM table_release
RETURNING version

-- name: get
SELECT version, kind, state, share, made_by, live_by, replayed_on, follows FROM table_release WHERE version = $1

-- name: releases
SELECT
    version, kind, jsonb_array_length(rows) AS size, digest, state, share, made_by, made_at, reason,
    replayed_at, replayed_on, replay, live_by, live_at, follows, ended_by, ended_at, ended_reason, proposal
FROM table_release WHERE $1::text IS NULL OR kind = $1 ORDER BY version DESC LIMIT $2

-- name: rows
SELECT rows FROM table_release WHERE version = $1 AND kind = $2

-- name: recent
-- The latest requests that a channel was chosen for.
SELECT id, kind, amount, product, account_type, instalments, state, channel, mandate, agreement, created_at
FROM intent WHERE kind IN ('purchase', 'collection', 'payout') ORDER BY id DESC LIMIT $1

-- name: replayed
UPDATE table_release SET state = $2, replayed_at = $3, replayed_on = $4, replay = $5
WHERE version = $1 AND state IN ('draft', 'replayed') RETURNING kind

-- name: canary
UPDATE table_release SET state = 'canary', share = $2
WHERE version = $1 AND state IN ('replayed', 'canary') RETURNING kind

-- name: end_live
UPDATE table_release SET state = 'retired', ended_by = $2, ended_at = $3, ended_reason = $4
WHERE kind = $1 AND state = 'live' RETURNING version, follows

-- name: promote
UPDATE table_release SET state = 'live', share = 0, live_by = $2, live_at = $3, follows = $4
WHERE version = $1 AND state = 'canary' RETURNING kind

-- name: end_canary
UPDATE table_release SET state = 'retired', share = 0, ended_by = $2, ended_at = $3, ended_reason = $4
WHERE kind = $1 AND state = 'canary' RETURNING version, proposal

-- name: live_again
UPDATE table_release SET state = 'live', ended_by = NULL, ended_at = NULL, ended_reason = NULL
WHERE version = $1 AND state = 'retired' RETURNING version

-- name: live_of
SELECT version FROM table_release WHERE kind = $1 AND state = 'live'
