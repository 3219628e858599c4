-- Moments are microseconds since 2000-01-01 UTC and dates days since then, as PostgreSQL itself counts them.

-- name: migrated
SELECT to_regclass('schema_migration') IS NOT NULL

-- name: schema
SELECT max(number) FROM schema_migration

-- name: heads
SELECT
    shard, seq, (extract(epoch FROM at - timestamptz '2000-01-01 00:00+00') * 1000000)::bigint AS at,
    closed_through - date '2000-01-01' AS closed_through
FROM head ORDER BY shard

-- name: shards
-- Every shard that has entries, accounts or a checkpoint; each step finds the next one in an index.
WITH RECURSIVE one AS (
    SELECT min(shard) AS shard FROM transfer
    UNION ALL
    SELECT (SELECT min(t.shard) FROM transfer t WHERE t.shard > one.shard) FROM one WHERE one.shard IS NOT NULL
)
SELECT shard FROM one WHERE shard IS NOT NULL
UNION
SELECT shard FROM account
UNION
SELECT shard FROM ledger_checkpoint

-- name: months
-- The partitions; `keyed` is whether PostgreSQL guards each against an id that stands twice.
SELECT
    c.oid::bigint AS oid, c.relname AS name,
    EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indisvalid) AS keyed
FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
WHERE h.inhparent = 'transfer'::regclass ORDER BY c.relname

-- name: sealed
SELECT month::text AS month FROM ledger_month ORDER BY month

-- name: accounts
SELECT id, book, code, subject, flags, "limit", debits, credits, debits_pending, credits_pending, as_of_seq
FROM account WHERE shard = $1 ORDER BY id

-- name: checkpoint
SELECT seq, oldest_pending, paged FROM ledger_checkpoint WHERE shard = $1

-- name: holds
SELECT id FROM ledger_hold WHERE shard = $1

-- name: span
SELECT coalesce(min(seq), 1) AS first, coalesce(max(seq), 0) AS last FROM transfer WHERE shard = $1

-- name: next_seq
SELECT min(seq) FROM transfer WHERE shard = $1 AND seq > $2

-- name: rows
SELECT
    seq, id, tableoid, debit, credit, amount, book, kind, flags,
    coalesce(pending_id, '00000000-0000-0000-0000-000000000000'), timeout, business_date, posted_at,
    debit_balance, credit_balance
FROM transfer WHERE shard = $1 AND seq > $2 AND seq <= $3

-- name: pages
SELECT
    account, seq, first_seq, business_date - date '2000-01-01' AS day, debit_sum, credit_sum, debits, credits,
    debits_pending, credits_pending, array_send(lines) AS lines
FROM account_page WHERE shard = $1 ORDER BY first_seq, account, seq

-- name: refusals
SELECT
    id, seq, result, (extract(epoch FROM refused_at - timestamptz '2000-01-01 00:00+00') * 1000000)::bigint AS at
FROM refusal WHERE shard = $1 ORDER BY seq

-- name: refused_and_stored
SELECT r.id, t.seq, r.seq AS refused FROM refusal r JOIN transfer t ON t.shard = r.shard AND t.id = r.id
WHERE r.shard = $1 ORDER BY t.seq
