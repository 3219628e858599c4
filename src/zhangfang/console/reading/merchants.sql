-- name: listed
SELECT
    m.id, m.external_ref, m.name, m.state, m.created_at,
    coalesce(t.auto_payout, m.auto_payout) AS auto_payout,
    coalesce(nullif(t.cycle, ''), 'T+' || coalesce(t.settlement_days, m.settlement_days)) AS cycle,
    coalesce(t.keep_fee_on_refund, m.keep_fee_on_refund) AS keep_fee_on_refund,
    s.tail AS account_tail, s.name_masked AS account_name, s.bank AS account_bank,
    s.agreed_by IS NOT NULL AS account_agreed,
    coalesce(b.pending, 0)::bigint AS pending_fen, coalesce(b.available, 0)::bigint AS available_fen
FROM merchant m
LEFT JOIN LATERAL merchant_terms_on(m.id, $2) AS t ON true
LEFT JOIN settlement_account s ON s.merchant = m.id AND s.replaced_at IS NULL
LEFT JOIN (
    -- the checkpoint's balances and what came after it
    SELECT
        n.subject,
        sum(n.credits - n.debits) FILTER (WHERE n.code = 2321) AS pending,
        sum(n.credits - n.debits) FILTER (WHERE n.code = 2322) AS available
    FROM books_now n
    WHERE n.code IN (2321, 2322) AND ($1::text IS NULL OR n.subject = $1)
    GROUP BY n.subject
) b ON b.subject = m.id
WHERE $1::text IS NULL OR m.id = $1
ORDER BY m.external_ref NULLS LAST, m.name, m.id

-- name: accounts
-- The checkpoint's balances and what came after it.
SELECT book, code, subject, account, 1 AS accounts, 0::bigint AS opening, debits AS debit, credits AS credit
FROM books_now WHERE subject = $1 ORDER BY book, code

-- name: settlements
SELECT id, merchant, run_date, amount, lines, posted_at, voucher, payout, carried, owed, recovered, reserved, release_on, release,
    released, absorbed
FROM settlement WHERE merchant = $1 ORDER BY run_date DESC, id DESC LIMIT $2

-- name: statements
SELECT business_date, opening, closing, lines
FROM statement WHERE merchant = $1 ORDER BY business_date DESC LIMIT $2

-- name: endpoints
SELECT
    e.id, e.url, e.enabled, e.rest_until,
    (
        SELECT d.created_at FROM webhook_delivery d
        WHERE d.endpoint = e.id AND d.next_action_at IS NOT NULL ORDER BY d.next_action_at LIMIT 1
    ) AS waiting_since,
    (
        SELECT count(*) FROM webhook_delivery d
        WHERE d.endpoint = e.id AND d.delivered_at IS NULL AND d.next_action_at IS NULL
    )::int AS failed
FROM webhook_endpoint e WHERE e.merchant = $1 ORDER BY e.created_at, e.id

-- name: settlement
SELECT id, merchant, run_date, amount, lines, posted_at, voucher, payout, carried, owed, recovered, reserved, release_on, release,
    released, absorbed
FROM settlement WHERE id = $1

-- name: settlement_lines
-- A refund takes its amount less the fee given back; one that failed after it was settled brings that back. `shared` is what
-- goes to receivers of a split payment, or comes back from them. A part of another's payment is a line too.
SELECT * FROM (
    SELECT
        i.id AS line, i.id, i.kind, i.order_no, i.created_at, i.amount, i.fee,
        i.undo_settlement IS NOT DISTINCT FROM $1 AS undone,
        (CASE WHEN i.original IS NULL THEN -i.shared ELSE (
            SELECT coalesce(sum(b.amount), 0) FROM split_back b WHERE b.refund = i.id
        ) END)::bigint AS shared
    FROM settlement s JOIN intent i ON i.merchant = s.merchant AND (i.settlement = $1 OR i.undo_settlement = $1)
    WHERE s.id = $1
    UNION ALL
    SELECT p.id, p.payment, 'part', i.order_no, p.created_at, p.amount, 0, false, 0
    FROM split p JOIN intent i ON i.id = p.payment WHERE p.settlement = $1
    UNION ALL
    SELECT b.id, b.payment, 'part_back', r.order_no, r.created_at, b.amount, 0, b.undo_settlement IS NOT DISTINCT FROM $1, 0
    FROM split_back b JOIN intent r ON r.id = b.refund WHERE b.settlement = $1 OR b.undo_settlement = $1
) AS l
ORDER BY l.created_at, l.line LIMIT $2
