-- name: lock
-- One change of maps at a time, until the transaction ends; who only reads does not notice.
SELECT pg_advisory_xact_lock(hashtext('column_map'))

-- name: propose
INSERT INTO column_map (name, version, content, digest, state, made_by, made_at, reason, proposal)
SELECT $1, coalesce(max(version), 0) + 1, $2, $3, 'draft', $4, $5, $6, $7 FROM column_map WHERE name = $1
RETURNING version

-- name: get
SELECT * FROM column_map WHERE name = $1 AND version = $2

-- name: live
SELECT * FROM column_map WHERE name = $1 AND state = 'live'

-- name: retire
UPDATE column_map SET state = 'retired' WHERE name = $1 AND state = 'live'

-- name: make_live
UPDATE column_map SET state = 'live', live_by = $3, live_at = $4
WHERE name = $1 AND version = $2 AND state = 'draft' RETURNING version

-- name: listed
SELECT name, version, content, digest, state, made_by, made_at, reason, proposal, live_by, live_at
FROM column_map ORDER BY name, version DESC LIMIT $1
