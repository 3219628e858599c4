-- Fills a migrated, empty database with $n transfers over $days business dates that end on 2026-09-01: each takes money of
-- one channel to one of $merchants merchants. Pages as the ledger's writer lays them down, a roll up to the day before the
-- last. Text between $ signs is replaced before it runs.
CREATE SCHEMA fill;

CREATE FUNCTION fill.at(n bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $f$
    SELECT timestamptz '2026-09-01 20:00+08' - make_interval(secs => 86400.0 * $days * ($n - n) / $n)
$f$;

CREATE FUNCTION fill.account(code int, subject text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $f$
    SELECT md5(code || subject)::uuid
$f$;

CREATE FUNCTION fill.merchant(n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $f$
    SELECT 'mer_' || lpad((n % $merchants)::text, 26, '0')
$f$;

SELECT ledger_open_month(m)
FROM generate_series(date_trunc('month', fill.at(0)) - interval '1 month', fill.at($n) + interval '1 month', interval '28 days') m;
INSERT INTO account (shard, id, book, code, subject, flags, "limit", opened_at)
SELECT 0, fill.account(code, subject), 1, code, subject, 0, 0, fill.at(0)
FROM (
    SELECT 3011 AS code, 'unionpay' AS subject
    UNION ALL
    SELECT code, fill.merchant(m) FROM generate_series(0, $merchants - 1) m, unnest(ARRAY[2321, 2322, 2323, 2324]) code
) a;
INSERT INTO transfer (
    shard, id, seq, debit, credit, amount, book, kind, flags, timeout, voucher, business_date, posted_at, debit_balance,
    credit_balance, digest
)
SELECT 0, id, n, fill.account(3011, 'unionpay'), fill.account(2321, fill.merchant(n)), 100 + n % 900, 1, 11, 0, 0, id,
    (at AT TIME ZONE 'Asia/Shanghai')::date, at, 0, 0, id
FROM (
    SELECT n, fill.at(n) AS at, (
        lpad(to_hex((extract(epoch FROM fill.at(n)) * 1000)::bigint), 12, '0') || '70008' || lpad(to_hex(n), 13, '0') || '01'
    )::uuid AS id
    FROM generate_series(1, $n) n
) one;
INSERT INTO head (shard, epoch, seq, at) VALUES (0, 1, $n, fill.at($n));
INSERT INTO ledger_checkpoint (shard, seq, oldest_pending, paged) VALUES (0, $n - 100, $n - 100, $n - 100);
INSERT INTO account_page (
    shard, account, seq, first_seq, business_date, lines, debit_sum, credit_sum, debits, credits, debits_pending, credits_pending
)
SELECT 0, account, max(seq), min(first), day, array_agg((seq - first)::int ORDER BY seq), sum(debit), sum(credit), 0, 0, 0, 0
FROM (
    SELECT s.account, t.seq, t.business_date AS day, s.debit, s.credit,
        min(t.seq) OVER (PARTITION BY s.account, t.business_date) AS first,
        (row_number() OVER (PARTITION BY s.account, t.business_date ORDER BY t.seq) - 1) / 400 AS page
    FROM transfer t CROSS JOIN LATERAL (VALUES (t.debit, t.amount, 0), (t.credit, 0, t.amount)) s (account, debit, credit)
    WHERE t.seq <= $n - 100
) e
GROUP BY account, day, page;
INSERT INTO books_date (shard, account, business_date, debits, credits, debits_through, credits_through)
SELECT 0, account, business_date, sum(debit_sum), sum(credit_sum),
    sum(sum(debit_sum)) OVER so_far, sum(sum(credit_sum)) OVER so_far
FROM account_page WHERE business_date < '2026-09-01'
GROUP BY account, business_date WINDOW so_far AS (PARTITION BY account ORDER BY business_date);
INSERT INTO books_roll (shard, seq) SELECT 0, max(seq) FROM account_page WHERE business_date < '2026-09-01';
INSERT INTO books_day (shard, business_date, seq, rolled_at)
SELECT 0, business_date, max(seq), fill.at($n) FROM account_page WHERE business_date < '2026-09-01' GROUP BY business_date;
DROP SCHEMA fill CASCADE;
