-- name: lock_eligible
-- The four conditions: n working days, by the terms of the day on which it was accepted, have passed since its date ($2 is
-- the latest date for each n in $1), the file lists it, the bank line has paid that date's net amount in full, the merchant is active. The lock makes a refund wait.
SELECT i.id, i.merchant, 'payment' AS part, i.amount - i.fee AS net
FROM intent i
JOIN merchant m ON m.id = i.merchant AND m.state = 'active'
LEFT JOIN LATERAL merchant_terms_on(i.merchant, (i.created_at AT TIME ZONE 'Asia/Shanghai')::date) AS t ON true
JOIN unnest($1::int[], $2::date[]) AS due (days, latest) ON due.days = coalesce(t.settlement_days, m.settlement_days)
JOIN channel_file f ON f.channel = i.channel AND f.settle_date = i.matched_on AND f.arrived_at IS NOT NULL
WHERE i.kind IN ('purchase', 'collection') AND i.state = 'SUCCESS' AND i.settlement IS NULL
    AND i.matched_on IS NOT NULL AND i.settle_date <= due.latest
    AND NOT EXISTS (
        SELECT FROM break b
        WHERE b.class = 'amount_differs' AND b.channel = f.channel AND b.key = f.arrived_seq
            AND b.difference < 0 AND b.cleared_at IS NULL
    )
ORDER BY i.id
FOR UPDATE OF i

-- name: lock_refunds
-- Settled with them: refunds out of pending money, and (undo) refunds that failed after they were in a batch.
SELECT r.id, r.merchant,
    CASE WHEN r.settlement IS NULL THEN 'refund' ELSE 'undo' END AS part,
    CASE WHEN r.settlement IS NULL THEN r.fee - r.amount ELSE r.amount - r.fee END AS net
FROM intent r
JOIN merchant m ON m.id = r.merchant AND m.state = 'active'
WHERE r.id = ANY(ARRAY(
    SELECT o.id FROM intent o WHERE o.original = ANY($1::uuid[])
    UNION ALL
    SELECT f.id FROM intent f
    WHERE f.settlement IS NOT NULL AND f.undo_settlement IS NULL AND f.state IN ('FAILED', 'REFUSED')
)) AND r.template IN ('R1', 'V1', 'U1') AND (
    r.settlement IS NULL AND r.state NOT IN ('FAILED', 'REFUSED') AND r.original = ANY($1::uuid[])
    OR r.settlement IS NOT NULL AND r.undo_settlement IS NULL AND r.state IN ('FAILED', 'REFUSED')
)
ORDER BY r.id
FOR UPDATE OF r

-- name: add_settlement
INSERT INTO settlement (id, merchant, run_date, voucher, amount, lines, created_at, pays_out, number)
SELECT
    $1, $2, $3, $4, $5, $6, $7, coalesce(
        (SELECT auto_payout FROM merchant_terms_on($2, $3)), (SELECT auto_payout FROM merchant WHERE id = $2)
    ),
    (SELECT coalesce(max(number), 0) + 1 FROM settlement WHERE merchant = $2 AND run_date = $3)

-- name: mark_undos
UPDATE intent SET undo_settlement = $1 WHERE id = ANY($2::uuid[])

-- name: mark_lines
UPDATE intent SET settlement = $1 WHERE id = ANY($2::uuid[])

-- name: drop_settlement
DELETE FROM settlement WHERE id = $1 AND posted_at IS NULL RETURNING id

-- name: unmark_undos
UPDATE intent SET undo_settlement = NULL
WHERE id = ANY(ARRAY(SELECT id FROM intent WHERE undo_settlement = $1 ORDER BY id FOR UPDATE))

-- name: unmark_lines
UPDATE intent SET settlement = NULL
WHERE id = ANY(ARRAY(SELECT id FROM intent WHERE settlement = $1 ORDER BY original IS NOT NULL, id FOR UPDATE))
RETURNING id, kind

-- name: note_settled
INSERT INTO step (id, intent, at, kind, message)
SELECT s.id, s.intent, $4, 'settled', $3 FROM unnest($1::uuid[], $2::uuid[]) AS s (id, intent)

-- name: unposted
SELECT * FROM settlement WHERE run_date <= $1 AND posted_at IS NULL ORDER BY merchant, id

-- name: unpaid
-- Of any date: an automatic payout that could not be asked for on its own is asked for later.
SELECT s.*, coalesce(m.external_ref, m.id) AS code
FROM settlement s JOIN merchant m ON m.id = s.merchant AND m.state = 'active'
WHERE s.payout IS NULL AND s.posted_at IS NOT NULL AND s.amount > 0
    AND s.pays_out IS NOT FALSE AND coalesce(s.pays_out, m.auto_payout)
ORDER BY s.merchant, s.id

-- name: payout_named
SELECT id FROM intent WHERE merchant = $1 AND idempotency_key = $2 AND kind = 'payout'

-- name: posted
UPDATE settlement SET posted_at = coalesce(posted_at, $2), ledger_seq = coalesce($3, ledger_seq) WHERE id = $1

-- name: paid_out
UPDATE settlement SET payout = $2 WHERE id = $1

-- name: too_small
-- The fee leaves nothing to pay out: the money stays available.
UPDATE settlement SET pays_out = false WHERE id = $1

-- name: waiting
-- Lines that are due and still wait for their file or for the money of their date.
SELECT i.settle_date, count(*)::int AS lines
FROM intent i JOIN merchant m ON m.id = i.merchant AND m.state = 'active'
LEFT JOIN LATERAL merchant_terms_on(i.merchant, (i.created_at AT TIME ZONE 'Asia/Shanghai')::date) AS t ON true
JOIN unnest($1::int[], $2::date[]) AS due (days, latest) ON due.days = coalesce(t.settlement_days, m.settlement_days)
WHERE i.kind IN ('purchase', 'collection') AND i.state = 'SUCCESS' AND i.settlement IS NULL
    AND i.settle_date <= due.latest
    AND NOT EXISTS (
        SELECT FROM break b WHERE b.intent = i.id AND b.class = 'missing_there' AND b.cleared_at IS NULL
    )
GROUP BY i.settle_date ORDER BY i.settle_date

-- name: terms
SELECT settlement_days FROM merchant
UNION
SELECT settlement_days FROM merchant_terms
