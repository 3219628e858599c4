-- name: unsafe_settings
SELECT name, setting FROM pg_settings
WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off'

-- name: first_head
INSERT INTO head (shard, epoch, seq, at) VALUES ($1, 0, 0, 'epoch') ON CONFLICT DO NOTHING

-- name: take_over
UPDATE head SET epoch = epoch + 1 WHERE shard = $1 AND epoch = coalesce($2, epoch) RETURNING epoch

-- name: head
SELECT epoch, seq, at FROM head WHERE shard = $1

-- name: months
SELECT substr(c.relname, 10) AS month FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'transfer'::regclass ORDER BY 1

-- name: open_month
SELECT ledger_open_month($1)

-- name: checkpoint_seq
SELECT seq, oldest_pending FROM ledger_checkpoint WHERE shard = $1

-- name: accounts
SELECT id, book, code, subject, flags, "limit", debits, credits FROM account WHERE shard = $1

-- name: moved_since
SELECT account, sum(debit)::bigint AS debits, sum(credit)::bigint AS credits FROM (
    SELECT debit AS account, amount AS debit, 0 AS credit FROM transfer
    WHERE shard = $1 AND seq > $2 AND flags & 74 = 0
    UNION ALL
    SELECT credit, 0, amount FROM transfer WHERE shard = $1 AND seq > $2 AND flags & 74 = 0
) side GROUP BY account

-- name: flags_since
SELECT debit AS account, kind FROM transfer WHERE shard = $1 AND seq > $2 AND flags & 64 <> 0 ORDER BY seq

-- name: touched_since
SELECT debit AS account FROM transfer WHERE shard = $1 AND seq > $2
UNION
SELECT credit FROM transfer WHERE shard = $1 AND seq > $2

-- name: open_pendings
SELECT p.*, coalesce((SELECT b.seq FROM transfer b WHERE b.shard = $1 AND b.seq < p.seq AND b.flags & 1 = 0
                      ORDER BY b.seq DESC LIMIT 1), 0) + 1 AS chain
FROM transfer p
WHERE p.shard = $1 AND p.seq >= $2 AND p.flags & 2 <> 0
  AND NOT EXISTS (SELECT FROM transfer r WHERE r.shard = $1 AND r.pending_id = p.id)
ORDER BY p.seq

-- name: last_id
SELECT id FROM (
    (SELECT id FROM transfer WHERE shard = $1 ORDER BY id DESC LIMIT 1)
    UNION ALL
    (SELECT id FROM refusal WHERE shard = $1 ORDER BY id DESC LIMIT 1)
) last ORDER BY id DESC LIMIT 1

-- name: known
SELECT id, 1::smallint AS result, seq, digest FROM transfer WHERE shard = $1 AND id = ANY ($2)
UNION ALL
SELECT id, result, 0, digest FROM refusal WHERE shard = $1 AND id = ANY ($2)

-- name: resolved
SELECT p.*, r.flags AS became, 0 AS chain
FROM transfer p JOIN transfer r ON r.shard = $1 AND r.pending_id = p.id
WHERE p.shard = $1 AND p.id = ANY ($2) AND p.flags & 2 <> 0

-- name: advance
UPDATE head SET seq = seq + $3, at = $4 WHERE shard = $1 AND epoch = $2 RETURNING seq

-- name: open_accounts
INSERT INTO account (shard, id, book, code, subject, flags, "limit", opened_at)
SELECT $1, n.*, $8::timestamptz FROM unnest($2::uuid[], $3::smallint[], $4::smallint[], $5::text[], $6::smallint[], $7::bigint[]) n

-- name: append
WITH moved AS (
    UPDATE head SET seq = seq + cardinality($4::uuid[]), at = $3 WHERE shard = $1 AND epoch = $2 RETURNING seq
), posted AS (
    INSERT INTO transfer (shard, id, seq, debit, credit, amount, book, kind, flags, pending_id, timeout, voucher,
                          reverses, memo, business_date, posted_at, debit_balance, credit_balance, digest)
    SELECT $1, n.* FROM moved, unnest(
        $4::uuid[], $5::bigint[], $6::uuid[], $7::uuid[], $8::bigint[], $9::smallint[], $10::int[], $11::smallint[],
        $12::uuid[], $13::bigint[], $14::uuid[], $15::uuid[], $16::uuid[], $17::date[], $18::timestamptz[],
        $19::bigint[], $20::bigint[], $21::uuid[]) n
), refused AS (
    INSERT INTO refusal (shard, id, result, seq, refused_at, digest)
    SELECT $1, n.* FROM moved, unnest(
        $22::uuid[], $23::smallint[], $24::bigint[], $25::timestamptz[], $26::uuid[]) n
)
SELECT seq FROM moved

-- name: move_checkpoint
INSERT INTO ledger_checkpoint AS held (shard, seq, oldest_pending) VALUES ($1, $2, $3)
ON CONFLICT (shard) DO UPDATE SET seq = excluded.seq, oldest_pending = excluded.oldest_pending
WHERE held.seq < excluded.seq RETURNING seq

-- name: checkpoint_accounts
UPDATE account a SET flags = n.flags, debits = n.debits, credits = n.credits, debits_pending = n.debits_pending,
                     credits_pending = n.credits_pending, as_of_seq = $8
FROM unnest($2::uuid[], $3::smallint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
     n(id, flags, debits, credits, debits_pending, credits_pending)
WHERE a.shard = $1 AND a.id = n.id

-- name: moment_of
SELECT posted_at FROM transfer WHERE shard = $1 AND seq = $2

-- name: entries_by_id
SELECT * FROM transfer WHERE shard = $1 AND id = ANY ($2)

-- name: entries_of_account
SELECT * FROM (
    (SELECT * FROM transfer WHERE shard = $1 AND debit = $2 AND seq > $3 ORDER BY seq LIMIT $4)
    UNION
    (SELECT * FROM transfer WHERE shard = $1 AND credit = $2 AND seq > $3 ORDER BY seq LIMIT $4)
) one ORDER BY seq LIMIT $4

-- name: balances_at
SELECT q.account, q.seq,
    (SELECT coalesce(sum(amount), 0) FROM transfer
     WHERE shard = $1 AND debit = q.account AND seq <= q.seq AND flags & 74 = 0)::bigint AS debits,
    (SELECT coalesce(sum(amount), 0) FROM transfer
     WHERE shard = $1 AND credit = q.account AND seq <= q.seq AND flags & 74 = 0)::bigint AS credits,
    (SELECT coalesce(sum(p.amount), 0) FROM transfer p
     WHERE p.shard = $1 AND p.debit = q.account AND p.seq <= q.seq AND p.flags & 2 <> 0 AND NOT EXISTS
         (SELECT FROM transfer r WHERE r.shard = $1 AND r.pending_id = p.id AND r.seq <= q.seq))::bigint
    AS debits_pending,
    (SELECT coalesce(sum(p.amount), 0) FROM transfer p
     WHERE p.shard = $1 AND p.credit = q.account AND p.seq <= q.seq AND p.flags & 2 <> 0 AND NOT EXISTS
         (SELECT FROM transfer r WHERE r.shard = $1 AND r.pending_id = p.id AND r.seq <= q.seq))::bigint
    AS credits_pending
FROM unnest($2::uuid[], $3::bigint[]) q(account, seq)
