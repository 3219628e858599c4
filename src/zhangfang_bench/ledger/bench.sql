-- Statements of `zhangfang bench ledger`. `row_locks` is the floor that the ledger is measured against.

-- name: settings
SELECT name, setting FROM pg_settings
WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'wal_sync_method', 'data_checksums',
               'shared_buffers', 'max_wal_size', 'server_version')
ORDER BY name

-- name: wal_bytes
SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint

-- name: disk_bytes
-- Tables and indexes of the ledger, all partitions. A partitioned table has no size of its own.
SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class
WHERE oid IN (SELECT relid FROM pg_partition_tree('transfer'))
   OR oid IN ('refusal'::regclass, 'account'::regclass, 'account_page'::regclass, 'ledger_checkpoint'::regclass)

-- name: stored_transfers
-- What the writer stored for the stream, as it stored it.
SELECT * FROM transfer ORDER BY seq

-- name: stored_refusals
SELECT * FROM refusal ORDER BY seq, id

-- name: open_month
SELECT ledger_open_month($1)

-- name: first_head
INSERT INTO head (shard, epoch, seq, at) VALUES (0, 1, 0, 'epoch')

-- name: open_accounts
INSERT INTO account (shard, id, book, code, subject, flags, "limit", opened_at)
SELECT 0, n.*, now() FROM unnest($1::uuid[], $2::smallint[], $3::smallint[], $4::text[], $5::smallint[], $6::bigint[]) n

-- name: advance
UPDATE head SET seq = seq + $1 WHERE shard = 0 AND epoch = 1 RETURNING seq

-- name: row_locks
-- One transfer in one transaction: lock both accounts in the order of their ids, check the payer's limit, move the
-- money, take the next number, store the transfer with both balances, or the refusal. $1 id, $2 debit, $3 credit,
-- $4 amount, $5 business date. The locked rows are read again after the wait, so what is checked is what is committed.
-- Returns the number, or null for a refusal.
WITH locked AS MATERIALIZED (
    SELECT id, id = $2::uuid AS pays, flags, "limit", debits, credits, debits_pending FROM account
    WHERE shard = 0 AND id IN ($2::uuid, $3::uuid) ORDER BY id FOR UPDATE
), allowed AS MATERIALIZED (
    SELECT bool_or(pays AND (flags & 1 = 0 OR debits + debits_pending + $4::bigint <= credits + "limit")) AS yes
    FROM locked -- an aggregate reads all of it: both are locked before anything moves
), moved AS (
    UPDATE account SET debits = debits + CASE WHEN id = $2::uuid THEN $4::bigint ELSE 0 END,
                       credits = credits + CASE WHEN id = $3::uuid THEN $4::bigint ELSE 0 END
    WHERE shard = 0 AND id IN ($2::uuid, $3::uuid) AND (SELECT yes FROM allowed)
    RETURNING id, debits - credits AS balance
), numbered AS (
    UPDATE head SET seq = seq + 1 WHERE shard = 0 AND EXISTS (SELECT FROM moved) RETURNING seq
), posted AS (
    INSERT INTO transfer (shard, id, seq, debit, credit, amount, book, kind, flags, timeout, voucher, business_date,
                          posted_at, debit_balance, credit_balance, digest)
    SELECT 0, $1::uuid, n.seq, payer.id, payee.id, $4::bigint, 1, 1, 0, 0, $1::uuid, $5::date, now(), payer.balance,
           payee.balance, $1::uuid
    FROM numbered n, moved payer, moved payee
    WHERE payer.id = $2::uuid AND payee.id = $3::uuid
    RETURNING seq
), refused AS (
    INSERT INTO refusal (shard, id, result, seq, refused_at, digest)
    SELECT 0, $1::uuid, 21, (SELECT seq FROM head WHERE shard = 0), now(), $1::uuid
    WHERE NOT (SELECT yes FROM allowed)
)
SELECT seq FROM posted

-- name: drawn_id
-- What stands in the place of $1, $2 and $3 when pgbench draws the transfer: a UUIDv7 born now; who pays; who is paid.
-- Accounts are numbered there: their ids are 8 and the number in hex, 0 is the hot one.
(substr(ledger_first_id(clock_timestamp())::text, 1, 14) || '7' || substr(gen_random_uuid()::text, 16))::uuid

-- name: drawn_debit
('8' || lpad(to_hex(CASE WHEN :way <= :from_hot THEN 0 ELSE :other END), 31, '0'))::uuid

-- name: drawn_credit
('8' || lpad(to_hex(CASE WHEN :way <= :from_hot THEN :other ELSE 0 END), 31, '0'))::uuid

-- name: counts
SELECT (SELECT count(*) FROM transfer) AS transfers, (SELECT coalesce(sum(amount), 0) FROM transfer)::bigint AS fen,
       (SELECT count(*) FROM refusal) AS refused, (SELECT seq FROM head WHERE shard = 0) AS seq

-- name: entries
SELECT id, debit, credit, amount, seq, debit_balance FROM transfer ORDER BY seq

-- name: balances
SELECT id AS account, debits, credits, debits_pending, credits_pending FROM account WHERE shard = 0
