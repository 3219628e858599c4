-- name: unsafe_settings
SELECT name, setting FROM pg_settings
WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off'

-- name: first_head
INSERT INTO head (shard, epoch, seq, at) VALUES ($1, 0, 0, 'epoch') ON CONFLICT DO NOTHING

-- name: take_over
-- From epoch $2, from any if it is NULL, or once more where the answer to this very process was lost.
UPDATE head SET
    epoch = CASE WHEN $2::bigint IS NULL OR epoch = $2 THEN epoch + 1 ELSE epoch END,
    holder = $3, lease_until = clock_timestamp() + $4::interval
WHERE shard = $1 AND ($2::bigint IS NULL OR epoch = $2 OR (epoch = $2 + 1 AND holder = $3))
RETURNING epoch

-- name: months
SELECT substr(c.relname, 10) AS month
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'transfer'::regclass ORDER BY 1

-- name: open_month
SELECT ledger_open_month($1)

-- name: advance
UPDATE head SET seq = seq + $6, at = $3, lease_until = clock_timestamp() + $4::interval,
    closed_through = coalesce($5, closed_through)
WHERE shard = $1 AND epoch = $2 RETURNING seq

-- name: open_accounts
INSERT INTO account (shard, id, book, code, subject, flags, "limit", opened_at)
SELECT $1, n.*, $8::timestamptz
FROM unnest($2::uuid[], $3::smallint[], $4::smallint[], $5::text[], $6::smallint[], $7::bigint[]) n

-- name: append
WITH moved AS (
    UPDATE head SET seq = seq + cardinality($6::uuid[]), at = $3, lease_until = clock_timestamp() + $4::interval,
        closed_through = coalesce($5, closed_through)
    WHERE shard = $1 AND epoch = $2 RETURNING seq
), posted AS (
    INSERT INTO transfer (shard, posted_at, id, seq, debit, credit, amount, book, kind, flags, pending_id, timeout, voucher,
                          reverses, memo, business_date, debit_balance, credit_balance, digest)
    SELECT $1, $3, n.* FROM moved, unnest(
        $6::uuid[], $7::bigint[], $8::uuid[], $9::uuid[], $10::bigint[], $11::smallint[], $12::int[], $13::smallint[],
        $14::uuid[], $15::bigint[], $16::uuid[], $17::uuid[], $18::uuid[], $19::date[], $20::bigint[], $21::bigint[],
        $22::uuid[]) n
), refused AS (
    INSERT INTO refusal (shard, refused_at, id, result, seq, digest)
    SELECT $1, $3, n.* FROM moved, unnest($23::uuid[], $24::smallint[], $25::bigint[], $26::uuid[]) n
)
SELECT seq FROM moved

-- name: head
SELECT epoch, seq, at, closed_through FROM head WHERE shard = $1

-- name: last_id
SELECT id FROM (
    (SELECT id FROM transfer WHERE shard = $1 ORDER BY id DESC LIMIT 1)
    UNION ALL
    (SELECT id FROM refusal WHERE shard = $1 ORDER BY id DESC LIMIT 1)
) last ORDER BY id DESC LIMIT 1

-- name: checkpoint
SELECT seq, paged FROM ledger_checkpoint WHERE shard = $1

-- name: accounts
SELECT id, code, subject, book, flags, "limit", debits, credits, debits_pending, credits_pending
FROM account WHERE shard = $1

-- name: tail
-- The entries on no page yet, with what each added to the pendings of its accounts.
SELECT
    t.seq, t.debit, t.credit, t.kind, t.flags, t.business_date, t.debit_balance, t.credit_balance,
    CASE WHEN t.flags & 202 = 0 THEN t.amount ELSE 0 END AS moved,
    CASE WHEN t.flags & 2 <> 0 THEN t.amount WHEN t.pending_id IS NULL THEN 0 ELSE -p.amount END AS held
FROM transfer t LEFT JOIN transfer p ON p.shard = t.shard AND p.id = t.pending_id
WHERE t.shard = $1 AND t.seq > $2 AND t.seq <= $3 ORDER BY t.seq

-- name: open_pendings
-- Those that were open at the checkpoint or came after it, and were not resolved since.
SELECT p.*, coalesce((SELECT b.seq FROM transfer b WHERE b.shard = $1 AND b.seq < p.seq AND b.flags & 1 = 0
                      ORDER BY b.seq DESC LIMIT 1), 0) + 1 AS chain
FROM (
    SELECT id FROM ledger_hold WHERE shard = $1
    UNION
    SELECT id FROM transfer WHERE shard = $1 AND seq > $2 AND flags & 2 <> 0
) h JOIN transfer p ON p.shard = $1 AND p.id = h.id
WHERE NOT EXISTS (SELECT FROM transfer r WHERE r.shard = $1 AND r.pending_id = p.id)
ORDER BY p.seq

-- name: holds_listed
SELECT id FROM ledger_hold WHERE shard = $1

-- name: known
SELECT id, 1::smallint AS result, seq, digest FROM transfer WHERE shard = $1 AND id = ANY ($2)
UNION ALL
SELECT id, result, 0, digest FROM refusal WHERE shard = $1 AND id = ANY ($2)

-- name: resolved
SELECT p.*, r.flags AS became, 0 AS chain
FROM transfer p JOIN transfer r ON r.shard = $1 AND r.pending_id = p.id
WHERE p.shard = $1 AND p.id = ANY ($2) AND p.flags & 2 <> 0

-- name: move_checkpoint
INSERT INTO ledger_checkpoint AS held (shard, seq, oldest_pending, paged) VALUES ($1, $2, $3, $2)
ON CONFLICT (shard) DO UPDATE SET seq = excluded.seq, oldest_pending = excluded.oldest_pending, paged = excluded.paged
WHERE held.paged = $4 RETURNING seq

-- name: checkpoint_accounts
UPDATE account a SET flags = n.flags, debits = n.debits, credits = n.credits, debits_pending = n.debits_pending,
                     credits_pending = n.credits_pending, as_of_seq = $8
FROM unnest($2::uuid[], $3::smallint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
     n(id, flags, debits, credits, debits_pending, credits_pending)
WHERE a.shard = $1 AND a.id = n.id

-- name: holds_opened
INSERT INTO ledger_hold (shard, id) SELECT $1, unnest($2::uuid[])

-- name: holds_ended
DELETE FROM ledger_hold WHERE shard = $1 AND id = ANY ($2)

-- name: moment_of
SELECT posted_at FROM transfer WHERE shard = $1 AND seq = $2

-- name: entries_by_id
SELECT * FROM transfer WHERE shard = $1 AND id = ANY ($2)

-- name: entries_of_account
-- The pages in order, as many as it takes; what is on no page yet only if they do not fill the answer.
WITH paged AS (
    SELECT p.first_seq + line AS seq FROM account_page p CROSS JOIN LATERAL unnest(p.lines) AS line
    WHERE p.shard = $1 AND p.account = $2 AND p.seq > $3 AND p.first_seq + line > $3
    ORDER BY p.seq, line LIMIT $4
), since AS (
    SELECT n.seq FROM transfer n
    WHERE n.shard = $1 AND $2 IN (n.debit, n.credit) AND (SELECT count(*) FROM paged) < $4
        AND n.seq > greatest($3, coalesce((SELECT c.paged FROM ledger_checkpoint c WHERE c.shard = $1), 0))
    ORDER BY n.seq LIMIT $4
)
SELECT t.* FROM (SELECT seq FROM paged UNION ALL SELECT seq FROM since ORDER BY seq LIMIT $4) line
JOIN transfer t ON t.shard = $1 AND t.seq = line.seq
ORDER BY t.seq

-- name: balances_at
-- From the last page that ends at or before the moment, and the lines behind it.
SELECT
    q.account, q.seq,
    coalesce(base.debits, 0) + coalesce(since.debits, 0) AS debits,
    coalesce(base.credits, 0) + coalesce(since.credits, 0) AS credits,
    coalesce(base.debits_pending, 0) + coalesce(since.debits_pending, 0) AS debits_pending,
    coalesce(base.credits_pending, 0) + coalesce(since.credits_pending, 0) AS credits_pending
FROM unnest($2::uuid[], $3::bigint[]) q (account, seq)
LEFT JOIN LATERAL (
    SELECT * FROM account_page p WHERE p.shard = $1 AND p.account = q.account AND p.seq <= q.seq
    ORDER BY p.seq DESC LIMIT 1
) base ON true
LEFT JOIN LATERAL (
    SELECT
        (sum(l.amount) FILTER (WHERE l.debit = q.account AND l.flags & 202 = 0))::bigint AS debits,
        (sum(l.amount) FILTER (WHERE l.credit = q.account AND l.flags & 202 = 0))::bigint AS credits,
        (sum(coalesce(-h.amount, l.amount)) FILTER (WHERE l.debit = q.account AND l.flags & 14 <> 0))::bigint
            AS debits_pending,
        (sum(coalesce(-h.amount, l.amount)) FILTER (WHERE l.credit = q.account AND l.flags & 14 <> 0))::bigint
            AS credits_pending
    FROM ledger_lines($1, q.account, coalesce(base.seq, 0), q.seq) l
    LEFT JOIN transfer h ON h.shard = $1 AND h.id = l.pending_id
) since ON true

-- name: seal_month
INSERT INTO ledger_month (month, sealed_at) VALUES ($1, $2) ON CONFLICT DO NOTHING

-- name: has_bulk_indexes
SELECT count(*) >= 3 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = to_regclass($1) AND i.indisvalid AND c.relname LIKE '%\_bulk\_%'

-- name: half_built
-- Indexes whose building was cut off.
SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = to_regclass($1) AND NOT i.indisvalid AND c.relname LIKE '%\_bulk\_%'

-- name: only_sealer
SELECT pg_try_advisory_lock(hashtext('ledger_seal'))
