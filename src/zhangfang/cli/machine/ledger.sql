-- name: heads
SELECT h.shard, h.epoch, h.seq, h.at, h.closed_through, h.holder,
    extract(EPOCH FROM h.lease_until - clock_timestamp())::float8 AS lease_s,
    h.seq - coalesce(c.seq, 0) AS after_checkpoint, h.seq - coalesce(c.paged, 0) AS after_pages,
    (SELECT count(*) FROM account a WHERE a.shard = h.shard) AS accounts,
    (SELECT count(*) FROM transfer p WHERE p.shard = h.shard AND p.flags & 2 <> 0 AND p.seq >= coalesce(c.oldest_pending, 0)
        AND NOT EXISTS (SELECT FROM transfer r WHERE r.shard = p.shard AND r.pending_id = p.id)) AS pendings,
    (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND application_name = 'zhangfang ledger lease ' || h.shard)
    - (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = $2 AND objid = h.shard AND objsubid = 2
        AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS standbys
FROM head h LEFT JOIN ledger_checkpoint c ON c.shard = h.shard WHERE h.shard = $1

-- name: months
SELECT
    count(*) FILTER (WHERE m.sealed_at IS NULL) AS months_open, count(m.sealed_at) AS months_sealed,
    coalesce(sum(pg_total_relation_size(i.inhrelid)), 0)::bigint AS transfer_bytes
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
LEFT JOIN ledger_month m ON 'transfer_' || to_char(m.month, 'YYYY_MM') = c.relname
WHERE i.inhparent = 'transfer'::regclass
