-- A history of business dates in a migrated, empty database, date after date as it grows in life: each transfer takes money
-- of one channel to a merchant. Pages are laid down as the ledger's writer does.

-- name: months
SELECT ledger_open_month(m) FROM generate_series($1::date - interval '1 month', $2::date + interval '1 month', interval '28 days') m

-- name: accounts
INSERT INTO account (shard, id, book, code, subject, flags, "limit", opened_at)
SELECT 0, md5(code || subject)::uuid, 1, code, subject, 0, 0, $2
FROM (
    SELECT 3011 AS code, 'unionpay' AS subject
    UNION ALL
    SELECT code, 'mer_' || lpad(m::text, 26, '0') FROM generate_series(0, $1::int - 1) m, unnest(ARRAY[2321, 2322, 2323, 2324]) code
) a

-- name: transfers
-- $3 transfers of the date $1 after the number $2, spread over the merchants and over the day.
INSERT INTO transfer (
    shard, id, seq, debit, credit, amount, book, kind, flags, timeout, voucher, business_date, posted_at, debit_balance,
    credit_balance, digest, memo
)
SELECT 0, id, n, md5(3011 || 'unionpay')::uuid, md5(2321 || 'mer_' || lpad((n % $4::int)::text, 26, '0'))::uuid, 100 + n % 900, 1,
    11, 0, 0, id, $1::date, at, 0, 0, id, id
FROM (
    SELECT n, at, (
        lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '70008' || lpad(to_hex(n), 13, '0') || '01'
    )::uuid AS id
    FROM (
        SELECT n, ($1::date + interval '1 day' * (n - $2) / ($3::bigint + 1)) AT TIME ZONE 'Asia/Shanghai' AS at
        FROM generate_series($2::bigint + 1, $2::bigint + $3::bigint) n
    ) several
) one

-- name: head
INSERT INTO head (shard, epoch, seq, at) VALUES (0, 1, $1, $2) ON CONFLICT (shard) DO UPDATE SET seq = $1, at = $2

-- name: paged
INSERT INTO ledger_checkpoint (shard, seq, oldest_pending, paged) VALUES (0, $1, $1, $1)
ON CONFLICT (shard) DO UPDATE SET seq = $1, oldest_pending = $1, paged = $1

-- name: pages
-- The pages of the entries $1 < seq <= $2, which are of one date.
INSERT INTO account_page (
    shard, account, seq, first_seq, business_date, lines, debit_sum, credit_sum, debits, credits, debits_pending, credits_pending
)
SELECT 0, account, max(seq), min(first), day, array_agg((seq - first)::int ORDER BY seq), sum(debit), sum(credit), 0, 0, 0, 0
FROM (
    SELECT s.account, t.seq, t.business_date AS day, s.debit, s.credit, min(t.seq) OVER (PARTITION BY s.account) AS first,
        (row_number() OVER (PARTITION BY s.account ORDER BY t.seq) - 1) / 400 AS page
    FROM transfer t CROSS JOIN LATERAL (VALUES (t.debit, t.amount, 0), (t.credit, 0, t.amount)) s (account, debit, credit)
    WHERE t.shard = 0 AND t.seq > $1 AND t.seq <= $2
) e
GROUP BY account, day, page ORDER BY max(seq)
