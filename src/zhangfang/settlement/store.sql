-- name: lock_eligible
-- The four conditions: the date plus n working days has come (those dates are $1), the file lists it, the bank line
-- has brought that date's position, and nothing holds it. Originals are locked, so that a refund waits its turn.
SELECT i.id, i.merchant
FROM intent i
JOIN merchant m ON m.id = i.merchant AND m.state = 'active'
JOIN unnest($1::int[], $2::date[]) AS due (days, latest) ON due.days = m.settlement_days
JOIN channel_file f ON f.channel = i.channel AND f.settle_date = i.matched_on AND f.arrived_at IS NOT NULL
WHERE i.kind IN ('purchase', 'collection') AND i.state = 'SUCCESS' AND i.settlement IS NULL
    AND i.matched_on IS NOT NULL AND i.settle_date <= due.latest
ORDER BY i.id
FOR UPDATE OF i

-- name: sums
-- What each merchant's batch comes to: payments, their refunds out of pending, and refunds that failed after a batch.
SELECT l.merchant, sum(l.net)::bigint AS net, count(*)::int AS lines
FROM merchant_line l
WHERE l.batch IS NULL AND (
    l.part = 'payment' AND l.payment = ANY($1::uuid[])
    OR l.part = 'refund' AND (
        l.payment = ANY($1::uuid[])
        OR EXISTS (SELECT FROM intent o WHERE o.id = l.payment AND o.settlement IS NOT NULL)
    )
    OR l.part = 'undo'
)
GROUP BY l.merchant
ORDER BY l.merchant

-- name: add_settlement
INSERT INTO settlement (id, merchant, run_date, voucher, amount, lines, created_at, number)
SELECT $1, $2, $3, $4, $5, $6, $7, count(*) + 1 FROM settlement WHERE merchant = $2 AND run_date = $3

-- name: mark_undos
UPDATE intent r SET undo_settlement = s.id
FROM unnest($1::uuid[], $2::text[]) AS s (id, merchant)
WHERE r.merchant = s.merchant AND r.template IN ('R1', 'V1') AND r.settlement IS NOT NULL
    AND r.undo_settlement IS NULL AND r.state IN ('FAILED', 'REFUSED')

-- name: mark_refunds
UPDATE intent r SET settlement = s.id
FROM unnest($1::uuid[], $2::text[]) AS s (id, merchant)
WHERE r.merchant = s.merchant AND r.template IN ('R1', 'V1') AND r.settlement IS NULL
    AND r.state NOT IN ('FAILED', 'REFUSED')
    AND (
        r.original = ANY($3::uuid[])
        OR EXISTS (SELECT FROM intent o WHERE o.id = r.original AND o.settlement IS NOT NULL)
    )

-- name: mark_payments
UPDATE intent i SET settlement = s.id
FROM unnest($1::uuid[], $2::text[]) AS s (id, merchant)
WHERE i.merchant = s.merchant AND i.id = ANY($3::uuid[])

-- name: note_settled
INSERT INTO step (id, intent, at, kind, message)
SELECT s.id, s.intent, $4, 'settled', $3 FROM unnest($1::uuid[], $2::uuid[]) AS s (id, intent)

-- name: unposted
SELECT s.*, m.auto_payout, coalesce(m.external_ref, m.id) AS code FROM settlement s JOIN merchant m ON m.id = s.merchant
WHERE s.run_date = $1 AND (s.posted_at IS NULL OR (m.auto_payout AND s.payout IS NULL))
ORDER BY s.merchant, s.id

-- name: posted
UPDATE settlement SET posted_at = coalesce(posted_at, $2), ledger_seq = coalesce($3, ledger_seq) WHERE id = $1

-- name: paid_out
UPDATE settlement SET payout = $2 WHERE id = $1

-- name: waiting
-- Lines whose time has come and that still wait, and the dates whose money has not arrived.
SELECT i.settle_date, count(*)::int AS lines
FROM intent i JOIN merchant m ON m.id = i.merchant AND m.state = 'active'
JOIN unnest($1::int[], $2::date[]) AS due (days, latest) ON due.days = m.settlement_days
WHERE i.kind IN ('purchase', 'collection') AND i.state = 'SUCCESS' AND i.settlement IS NULL
    AND i.settle_date <= due.latest
    AND NOT EXISTS (
        SELECT FROM break b WHERE b.intent = i.id AND b.class = 'missing_there' AND b.cleared_at IS NULL
    )
GROUP BY i.settle_date ORDER BY i.settle_date

-- name: terms
SELECT DISTINCT settlement_days FROM merchant

-- name: own_balances
-- Balances of the two mirrored pairs up to a business date, on their normal sides.
SELECT
    coalesce(sum(e.credit_amount - e.debit_amount) FILTER (WHERE a.code = 2361), 0)::bigint AS c2361,
    coalesce(sum(e.debit_amount - e.credit_amount) FILTER (WHERE a.code = 1222), 0)::bigint AS o1222,
    coalesce(sum(e.debit_amount - e.credit_amount) FILTER (WHERE a.code = 1241), 0)::bigint AS c1241
FROM ledger_entry e JOIN account a ON a.shard = e.shard AND a.id = e.account
WHERE a.code IN (2361, 1222, 1241) AND e.business_date <= $1 AND e.voucher <> ALL($2::uuid[])

-- name: unfinished
SELECT count(*)::int FROM intent
WHERE state IN ('SENDING', 'ACCEPTED', 'UNKNOWN', 'MANUAL', 'REDIRECTED', 'CREATED') AND business_date <= $1

-- name: file_matched
SELECT matched_at IS NOT NULL FROM channel_file WHERE channel = $1 AND settle_date = $2

-- name: statement_lines
SELECT
    e.seq, e.posted_at, e.debit_amount AS debit, e.credit_amount AS credit, e.kind, e.voucher, e.memo, a.code, e.business_date,
    i.order_no, i.kind AS intent_kind, i.id AS intent
FROM ledger_entry e
JOIN account a ON a.shard = e.shard AND a.id = e.account
LEFT JOIN intent i ON i.id = e.memo
WHERE a.subject = $1 AND a.code IN (2321, 2322, 2323, 2324) AND e.business_date = $2
ORDER BY e.seq

-- name: opening
SELECT coalesce(sum(e.credit_amount - e.debit_amount), 0)::bigint
FROM ledger_entry e JOIN account a ON a.shard = e.shard AND a.id = e.account
WHERE a.subject = $1 AND a.code IN (2321, 2322, 2323, 2324) AND e.business_date < $2

-- name: head_seq
SELECT coalesce(max(seq), 0)::bigint FROM head

-- name: merchants
SELECT id, name, external_ref FROM merchant WHERE created_at < $1 ORDER BY coalesce(external_ref, id)

-- name: add_statement
INSERT INTO statement (merchant, business_date, opening, closing, lines, ledger_seq, digest, released_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (merchant, business_date) DO NOTHING
