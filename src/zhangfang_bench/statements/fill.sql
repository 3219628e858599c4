-- name: merchants
INSERT INTO merchant (id, external_ref, name, auto_payout, created_at)
SELECT 'mer_' || lpad(m::text, 26, '0'), 'M' || m, 'Merchant ' || m, false, '2026-01-01+08' FROM generate_series(0, $1::int - 1) m

-- name: payments
-- The payment of each transfer of the date $1; and beside every twentieth another one, which failed.
INSERT INTO intent (
    id, kind, merchant, order_no, idempotency_key, request_digest, amount, fee, description, channel, channel_order_no,
    requested_at, business_date, template, voucher, undo_voucher, state, settle_date, decided_at, created_at, updated_at
)
SELECT
    CASE WHEN failed THEN uuidv7() ELSE t.id END, 'collection', a.subject, 'o' || t.seq || failed, 'k' || t.seq || failed,
    '', t.amount, 0, '', 'unionpay', 'c' || t.seq || failed, t.posted_at, $1, 'P2', uuidv7(), uuidv7(),
    CASE WHEN failed THEN 'FAILED' ELSE 'SUCCESS' END, $1, t.posted_at, t.posted_at, t.posted_at
FROM transfer t JOIN account a ON a.id = t.credit CROSS JOIN LATERAL unnest(ARRAY[false, true]) failed
WHERE t.business_date = $1 AND (NOT failed OR t.seq % 20 = 0)

-- name: aggregate
-- The floor: what each merchant's day comes to, over the entries and the payments alone, stored, and nothing else.
CREATE TABLE floor_statement AS
SELECT e.*, p.payments FROM (
    SELECT
        a.subject AS merchant,
        coalesce(sum(e.credit_amount - e.debit_amount) FILTER (WHERE e.business_date < '2026-09-01'), 0)::bigint AS opening,
        coalesce(sum(e.credit_amount - e.debit_amount), 0)::bigint AS closing,
        count(e.seq) FILTER (WHERE e.business_date = '2026-09-01')::int AS lines
    FROM account a LEFT JOIN ledger_entry e ON e.account = a.id WHERE a.code IN (2321, 2322, 2323, 2324) GROUP BY a.subject
) e
LEFT JOIN (SELECT merchant, count(*)::int AS payments FROM intent GROUP BY merchant) p ON p.merchant = e.merchant

-- name: wrong
-- Merchants whose statement is not what the floor says.
SELECT count(*)::int FROM floor_statement f
LEFT JOIN statement_version v ON v.merchant = f.merchant AND v.business_date = '2026-09-01' AND v.version = 1
WHERE (v.opening, v.closing, v.lines, v.payments) IS DISTINCT FROM (f.opening, f.closing, f.lines, coalesce(f.payments, 0))

-- name: size
SELECT sum(lines)::int AS lines, sum(payments)::int AS payments FROM statement_version
