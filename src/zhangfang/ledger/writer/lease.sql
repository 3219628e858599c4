-- name: lock
SELECT pg_try_advisory_lock($1, $2)

-- name: held
SELECT h.epoch, h.seq, h.lease_until, h.holder, coalesce(h.lease_until < clock_timestamp(), TRUE) AS ran_out
FROM (VALUES ($1::smallint)) s (shard) LEFT JOIN head h ON h.shard = s.shard

-- name: renew
UPDATE head SET lease_until = clock_timestamp() + $3 WHERE shard = $1 AND epoch = $2 RETURNING epoch

-- name: end_sessions
SELECT pg_terminate_backend(pid) FROM (
    SELECT pid FROM pg_locks
    WHERE locktype = 'advisory' AND classid = $1 AND objid = $2 AND objsubid = 2 AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    UNION
    SELECT pid FROM pg_stat_activity WHERE application_name = $3 AND datname = current_database()
) hanging WHERE pid <> pg_backend_pid()
