-- Fills a migrated, empty database with $n intents over $days business dates that end on 2026-09-01: all but a few of
-- them are long finished, settled and matched, as after months of work. Text between $ signs is replaced before it runs.

CREATE SCHEMA fill;

CREATE FUNCTION fill.at(n bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $f$
    SELECT timestamptz '2026-09-01 10:00+08' - make_interval(secs => 86400.0 * $days * ($n - n) / $n)
$f$;

-- A UUIDv7 of the intent's moment; `tag` tells its ids apart. The last byte is left for the lines of a voucher.
CREATE FUNCTION fill.id(n bigint, tag text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $f$
    SELECT (
        lpad(to_hex((extract(epoch FROM fill.at(n)) * 1000)::bigint), 12, '0') || '7' || lpad(tag, 3, '0') || '8'
        || lpad(to_hex(n), 13, '0') || '00'
    )::uuid
$f$;

CREATE FUNCTION fill.day(n bigint) RETURNS date LANGUAGE sql IMMUTABLE AS $f$
    SELECT (fill.at(n) AT TIME ZONE 'Asia/Shanghai')::date
$f$;

CREATE FUNCTION fill.merchant(m bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $f$
    SELECT 'mer_' || lpad(m::text, 26, '0')
$f$;

CREATE FUNCTION fill.account(code int, subject text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $f$
    SELECT md5(code || subject)::uuid
$f$;

-- What each intent is: one merchant in three is the first one, the last ones are rare; every twentieth is a refund.
CREATE TABLE fill.one AS
SELECT
    n, fill.at(n) AS at, fill.day(n) AS day, fill.id(n, '1') AS id, fill.id(n, '2') AS voucher, fill.id(n, '3') AS undo,
    fill.merchant(CASE WHEN n % 3 = 0 THEN 1 ELSE 1 + n * 7 % 199 END) AS merchant, n % 1000 = 7 AS is_void,
    CASE
        WHEN n % 1000 = 7 THEN 'void' WHEN n % 100 < 5 AND n > 100 THEN 'refund' WHEN n % 100 < 7 THEN 'payout'
        WHEN n % 3 = 1 THEN 'purchase' ELSE 'collection'
    END AS kind,
    CASE
        WHEN n % 100 IN (5, 6) THEN 'cmb' WHEN n % 10 < 6 THEN 'unionpay' WHEN n % 10 < 8 THEN 'chinaums' ELSE 'lakala'
    END AS channel,
    CASE
        WHEN n > $n - 70 THEN (ARRAY['UNKNOWN', 'SENDING', 'ACCEPTED', 'REDIRECTED', 'CREATED', 'MANUAL', 'PARKED'])[1 + n % 7]
        WHEN n % 1999 = 0 THEN 'UNKNOWN' WHEN n % 20 = 13 THEN 'FAILED' WHEN n % 200 = 9 THEN 'CLOSED' ELSE 'SUCCESS'
    END AS state,
    n < $n - 2 * $n / $days AS old
FROM generate_series(1, $n) AS n;

INSERT INTO merchant (id, external_ref, name, auto_payout, created_at)
SELECT fill.merchant(m), 'M' || m, 'Merchant ' || m, m % 2 = 0, fill.at(1) FROM generate_series(1, 200) m;
INSERT INTO fee_rule (merchant, kind, effective_from, rate_ppm, fixed_fen, min_fen)
SELECT id, k, '2020-01-01', 6000, 0, 0 FROM merchant, unnest(ARRAY['purchase', 'collection', 'payout']) k;
INSERT INTO settlement_account (id, merchant, token, tail, name_masked, bank, medium, fingerprint, bound_at)
SELECT 'sac_' || id, id, 't', '1234', 'M**', 'CMB', 'corporate', 'f' || id, fill.at(1) FROM merchant;
INSERT INTO api_key (id, merchant, hash, tail, created_at) SELECT 'key_' || id, id, sha256(id::bytea), 'tail', fill.at(1) FROM merchant;

INSERT INTO settlement (id, merchant, run_date, number, voucher, amount, lines, posted_at, created_at, pays_out)
SELECT md5(m.id || d)::uuid, m.id, d::date, 1, md5(d || m.id)::uuid, 100000, 50, d + interval '9 hours', d, false
FROM merchant m, generate_series(fill.at(1)::date, fill.at($n)::date, interval '1 day') d;

INSERT INTO intent (
    id, kind, merchant, order_no, idempotency_key, request_digest, amount, fee, description, original, channel,
    channel_order_no, requested_at, business_date, template, voucher, undo_voucher, state, channel_ref, settle_date,
    unknown_since, decided_at, refunded, voided, returned_at, arrived_seq, settlement, next_action_at,
    parked_since, created_at, updated_at, mandate, batch
)
SELECT
    id, kind, merchant, 'order-' || n, 'key-' || n, '', 10000, 60, 'goods',
    CASE WHEN kind IN ('refund', 'void') THEN fill.id(n - 50, '1') END,
    channel, 'zf' || lpad(n::text, 30, '0'), at, day,
    CASE kind WHEN 'purchase' THEN 'P1' WHEN 'collection' THEN 'P2' WHEN 'refund' THEN 'R1' WHEN 'void' THEN 'V1' ELSE 'O1' END,
    voucher, undo, state,
    CASE WHEN state = 'SUCCESS' THEN 'ref' || n END, CASE WHEN state = 'SUCCESS' THEN day END,
    CASE WHEN state IN ('UNKNOWN', 'MANUAL') THEN at END, CASE WHEN state IN ('SUCCESS', 'FAILED', 'CLOSED') THEN at END,
    CASE WHEN n % 100 BETWEEN 50 AND 54 THEN 10000 ELSE 0 END, n % 1000 = 957,
    CASE WHEN kind = 'payout' AND n % 5000 = 5 THEN at END,
    CASE WHEN kind = 'payout' THEN 'seq' || n END,
    CASE WHEN state = 'SUCCESS' AND old AND kind <> 'payout' THEN md5(merchant || (day + 1)::timestamptz)::uuid END,
    CASE WHEN state IN ('UNKNOWN', 'SENDING', 'ACCEPTED', 'REDIRECTED', 'CREATED', 'PARKED') THEN at END,
    CASE WHEN state = 'PARKED' THEN at END, at, at,
    CASE WHEN kind = 'collection' THEN fill.id(1 + n % ($n / 10), '4') END,
    CASE WHEN kind = 'collection' AND n % 10 = 8 THEN fill.id(n / 1000 * 1000 + 1, '6') END
FROM fill.one;

INSERT INTO step (id, intent, at, kind, state, message)
SELECT fill.id(n, '10' || k), id, at, (ARRAY['received', 'sent', 'answer', 'notification'])[k], '', 'said'
FROM fill.one, generate_series(1, 4) k;
INSERT INTO webhook (id, merchant, intent, event, payload, attempts, created_at, delivered_at)
SELECT fill.id(n, '11'), merchant, id, 'payment.succeeded', '{}', 1, at, CASE WHEN n % 5000 <> 1 THEN at END FROM fill.one;
INSERT INTO attempt (
    intent, number, channel, channel_order_no, requested_at, business_date, voucher, undo_voucher, sent, code, message, ended_at
)
SELECT id, 1, channel, 'at' || n, at, day, fill.id(n, '12'), fill.id(n, '13'), true, '05', '', at FROM fill.one WHERE n % 50 = 8;
INSERT INTO mandate (
    id, merchant, mandate_no, idempotency_key, request_digest, account_token, account_tail, name_masked, fingerprint,
    limit_each, limit_day, limit_month, valid_from, valid_until, channel, evidence, order_no, requested_at, state, created_at
)
SELECT fill.id(n, '4'), merchant, 'm' || n, 'mk' || n, '', 't', '1234', 'Z**', 'fp' || n, 100000, 1000000, 10000000,
    '2020-01-01', '2035-01-01', '', 'paper', 'mo' || n, at, 'ACTIVE', at
FROM fill.one WHERE n <= $n / 10;
INSERT INTO mandate_step (id, mandate, at, kind) SELECT fill.id(n, '14'), fill.id(n, '4'), at, 'received' FROM fill.one WHERE n <= $n / 10;
INSERT INTO batch (id, merchant, batch_no, items, amount, partial, state, told, created_at, finished_at)
SELECT fill.id(n, '5'), merchant, 'b' || n, 100, 1000000, false, CASE WHEN n > $n - 1000 THEN 'ACCEPTED' ELSE 'FINISHED' END,
    fill.id(n, '15'), at, at
FROM fill.one WHERE n % 1000 = 1;
INSERT INTO batch_item (batch, line, order_no, amount, state, intent)
SELECT fill.id(n / 1000 * 1000 + 1, '5'), 2 + n % 1000, 'order-' || n, 10000, 'ACCEPTED', id FROM fill.one WHERE n % 10 = 8;
INSERT INTO channel_batch (id, batch, channel, operation, items, amount, number, day, requested_at, state, created_at, updated_at)
SELECT fill.id(n, '6'), fill.id(n, '5'), 'cmb', 'collection', 100, 1000000, lpad((n / 1000 % 10000)::text, 4, '0'), day, at, 'DONE', at, at
FROM fill.one WHERE n % 1000 = 1;
INSERT INTO channel_batch_step (id, channel_batch, at, kind) SELECT fill.id(n, '16'), fill.id(n, '6'), at, 'sent' FROM fill.one WHERE n % 1000 = 1;

INSERT INTO channel_file (
    channel, settle_date, name, digest, lines, received_at, pay_in_voucher, refund_voucher, fee_voucher, void_voucher,
    arrival_voucher, pay_in_fen, refund_fen, fee_fen, net_fen, matched_at, arrived_at, arrived_seq, placed_at
)
SELECT channel, day, 'file', 'd', count(*), day, md5('1' || channel || day)::uuid, md5('2' || channel || day)::uuid,
    md5('3' || channel || day)::uuid, md5('4' || channel || day)::uuid, md5('5' || channel || day)::uuid, 1, 1, 1, 1,
    day, day, 'arrived' || channel || day, day + 1
FROM fill.one WHERE old AND channel <> 'cmb' GROUP BY channel, day;
INSERT INTO file_line (
    channel, settle_date, line_no, order_no, channel_ref, operation, amount, credit, fee, adjustment, original_order_no,
    note, raw, intent, status
)
SELECT channel, day, row_number() OVER (PARTITION BY channel, day ORDER BY n), 'zf' || lpad(n::text, 30, '0'), 'ref' || n, kind, 10000,
    kind IN ('purchase', 'collection'), 20, false, '', '', 'raw', id, 'matched'
FROM fill.one WHERE old AND state = 'SUCCESS' AND kind <> 'payout';
INSERT INTO intent_match (intent, matched_on, line_no) SELECT intent, settle_date, line_no FROM file_line;
INSERT INTO bank_line (
    account, sequence, booked_at, business_date, amount, credit, balance, reference, request_no, counterparty, text,
    reversal, raw, template, voucher, intent, posted_at
)
SELECT 'cmb', 'seq' || n, at, day, 10000, false, 0, 'bank' || n, 'req' || n, '', 'payout', false, '', 'O5', fill.id(n, '17'), id,
    CASE WHEN n < $n - 100 THEN at END
FROM fill.one WHERE kind = 'payout';
INSERT INTO statement_cursor (account, cursor, read_at) VALUES ('cmb', 'c', fill.at($n));
INSERT INTO break (
    id, class, channel, settle_date, key, intent, difference, note, template, voucher, opened_at, cure_voucher, cured_on, cure, cleared_at
)
SELECT fill.id(n, '7'), CASE WHEN n % 2000 = 21 THEN 'missing_there' ELSE 'missing_here' END, channel, day, 'ref' || n || '/' || day || '/1',
    id, 100, '', 'B1', fill.id(n, '18'), at, fill.id(n, '19'), CASE WHEN old THEN day END, CASE WHEN old THEN 'B5' END, CASE WHEN old THEN at END
FROM fill.one WHERE n % 1000 = 21 OR n = $n - 30;
INSERT INTO statement (merchant, business_date, opening, closing, lines, ledger_seq, digest, released_at)
SELECT merchant, run_date, 0, 0, 5, 0, '', posted_at FROM settlement;
INSERT INTO task (kind, key, state, done_at)
SELECT k, d::date::text, 'DONE', d
FROM generate_series(fill.at(1)::date, fill.at($n)::date, interval '1 day') d, unnest(ARRAY['close', 'settle', 'roll', 'release']) k;
INSERT INTO operator_act (id, at, operator, act, target, reason) SELECT fill.id(n, '1a'), at, 'anna', 'stop', 'x', 'y' FROM fill.one WHERE n % 50 = 0;
INSERT INTO audit_result (at, ok, figures) SELECT at, true, '{}' FROM fill.one WHERE n % 5 = 0;
INSERT INTO duplicate (id, merchant, order_no, amount, keep, intent, state, found_at, ended_at)
SELECT fill.id(n, '8'), merchant, 'order-' || n, 10000, fill.id(n + 1, '1'), id, 'DONE', at, at FROM fill.one WHERE n % 2000 = 31;
INSERT INTO duplicate_step (id, duplicate, at, by, act, note)
SELECT fill.id(n, '1b'), fill.id(n, '8'), at, 'platform', 'find', '' FROM fill.one WHERE n % 2000 = 31;
INSERT INTO masked_voucher (voucher, duplicate, merchant, business_date, net, lines, masked_at)
SELECT voucher, fill.id(n, '8'), merchant, day, 0, 1, at FROM fill.one WHERE n % 2000 = 31;

-- The ledger: two transfers an intent, pages a date and account, a roll up to the day before yesterday.
SELECT ledger_open_month(m) FROM generate_series(date_trunc('month', fill.at(1)) - interval '1 month', fill.at($n) + interval '1 month', interval '28 days') m;
INSERT INTO account (shard, id, book, code, subject, flags, "limit", opened_at)
SELECT 0, fill.account(code, subject), 1, code, subject, 0, 0, fill.at(1)
FROM (
    SELECT code, id AS subject FROM merchant, unnest(ARRAY[2321, 2322, 2323, 2324]) code
    UNION ALL
    SELECT code, c FROM unnest(ARRAY['unionpay', 'chinaums', 'lakala', 'cmb']) c, unnest(ARRAY[3011, 3012, 3013, 3014, 1003]) code
    UNION ALL
    SELECT code, 'platform' FROM unnest(ARRAY[2361, 1222, 1241, 2242, 6001]) code
) a;
INSERT INTO transfer (
    shard, id, seq, debit, credit, amount, book, kind, flags, timeout, voucher, memo, business_date, posted_at, debit_balance,
    credit_balance, digest
)
SELECT 0, (left(voucher::text, 34) || lpad(line::text, 2, '0'))::uuid, 2 * n + line - 2,
    fill.account(3011, channel),
    CASE line WHEN 1 THEN fill.account(2321, merchant) ELSE fill.account(2361, 'platform') END,
    10000, 1, 1, 0, 0, voucher, id, day, at, 0, 0, id
FROM fill.one, generate_series(1, 2) line;
INSERT INTO refusal (shard, id, result, seq, refused_at, digest) SELECT 0, fill.id(n, '1c'), 1, 2 * n, at, id FROM fill.one WHERE n % 500 = 0;
INSERT INTO head (shard, epoch, seq, at) VALUES (0, 1, 2 * $n, fill.at($n));
INSERT INTO ledger_checkpoint (shard, seq, oldest_pending, paged) VALUES (0, 2 * $n - 100, 2 * $n - 100, 2 * $n - 100);
INSERT INTO account_page (
    shard, account, seq, first_seq, business_date, lines, debit_sum, credit_sum, debits, credits, debits_pending, credits_pending
)
SELECT 0, account, max(seq), min(first), day, array_agg((seq - first)::int ORDER BY seq), sum(debit), sum(credit), 0, 0, 0, 0
FROM (
    SELECT s.account, t.seq, t.business_date AS day, s.debit, s.credit,
        min(t.seq) OVER (PARTITION BY s.account, t.business_date) AS first,
        (row_number() OVER (PARTITION BY s.account, t.business_date ORDER BY t.seq) - 1) / 400 AS page
    FROM transfer t CROSS JOIN LATERAL (VALUES (t.debit, t.amount, 0), (t.credit, 0, t.amount)) s (account, debit, credit)
    WHERE t.seq <= 2 * $n - 100
) e
GROUP BY account, day, page;
INSERT INTO books_date (shard, account, business_date, debits, credits, debits_through, credits_through)
SELECT 0, account, business_date, sum(debit_sum), sum(credit_sum),
    sum(sum(debit_sum)) OVER so_far, sum(sum(credit_sum)) OVER so_far
FROM account_page WHERE business_date < fill.day($n) - 1
GROUP BY account, business_date WINDOW so_far AS (PARTITION BY account ORDER BY business_date);
INSERT INTO books_roll (shard, seq) SELECT 0, max(seq) FROM account_page WHERE business_date < fill.day($n) - 1;
INSERT INTO books_day (shard, business_date, seq, rolled_at)
SELECT 0, business_date, max(seq), fill.at($n) FROM account_page WHERE business_date < fill.day($n) - 1 GROUP BY business_date;

DROP SCHEMA fill CASCADE;
ANALYZE;
