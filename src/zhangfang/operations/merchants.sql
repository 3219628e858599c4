-- name: listed
SELECT
    m.id, m.external_ref, m.name, m.state, m.auto_payout, m.settlement_days, m.keep_fee_on_refund, m.created_at,
    s.tail AS account_tail, s.name_masked AS account_name, s.bank AS account_bank,
    coalesce(b.pending, 0)::bigint AS pending_fen, coalesce(b.available, 0)::bigint AS available_fen
FROM merchant m
LEFT JOIN settlement_account s ON s.merchant = m.id AND s.replaced_at IS NULL
LEFT JOIN (
    SELECT
        a.subject,
        sum(e.credit_amount - e.debit_amount) FILTER (WHERE a.code = 2321) AS pending,
        sum(e.credit_amount - e.debit_amount) FILTER (WHERE a.code = 2322) AS available
    FROM account a JOIN ledger_entry e ON e.shard = a.shard AND e.account = a.id
    WHERE a.code IN (2321, 2322) AND ($1::text IS NULL OR a.subject = $1)
    GROUP BY a.subject
) b ON b.subject = m.id
WHERE ($1::text IS NULL OR m.id = $1) AND ($2::text IS NULL OR m.state = $2)
ORDER BY m.external_ref NULLS LAST, m.name, m.id

-- name: fee_rules
SELECT kind, effective_from, rate_ppm, fixed_fen, min_fen, max_fen
FROM fee_rule WHERE merchant = $1 ORDER BY kind, effective_from DESC

-- name: accounts
SELECT
    a.book, a.code, a.subject, a.id AS account, 1 AS accounts, 0::bigint AS opening,
    coalesce(sum(e.debit_amount), 0)::bigint AS debit, coalesce(sum(e.credit_amount), 0)::bigint AS credit
FROM account a LEFT JOIN ledger_entry e ON e.shard = a.shard AND e.account = a.id
WHERE a.subject = $1
GROUP BY a.book, a.code, a.subject, a.id
ORDER BY a.book, a.code

-- name: settlements
SELECT id, run_date, amount, lines, posted_at, payout
FROM settlement WHERE merchant = $1 ORDER BY run_date DESC, id DESC LIMIT $2

-- name: statements
SELECT business_date, opening, closing, lines, digest, released_at
FROM statement WHERE merchant = $1 ORDER BY business_date DESC LIMIT $2
