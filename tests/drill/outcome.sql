-- name: orders
SELECT
    m.external_ref AS by_merchant, i.kind AS by_kind, i.order_no AS by_order_no,
    i.state, i.amount, i.fee, i.refunded, i.fee_refunded, i.voided, i.returned_at IS NOT NULL AS returned,
    i.template, i.business_date, i.settle_date, l.matched_on, i.settlement IS NOT NULL AS settled,
    i.arrived_seq IS NOT NULL AS arrived
FROM intent i JOIN merchant m ON m.id = i.merchant
LEFT JOIN intent_match l ON l.intent = i.id

-- name: accounts
SELECT
    a.book AS by_book, a.code AS by_code, coalesce(m.external_ref, a.subject) AS by_subject,
    e.business_date AS by_date,
    sum(e.debit_amount)::bigint AS debits, sum(e.credit_amount)::bigint AS credits
FROM ledger_entry e
JOIN account a ON a.shard = e.shard AND a.id = e.account
LEFT JOIN merchant m ON m.id = a.subject
GROUP BY 1, 2, 3, 4

-- name: breaks
SELECT
    b.class AS by_class, b.channel AS by_channel, b.settle_date AS by_date, b.difference AS by_difference,
    count(*) AS number, array_agg(b.cure ORDER BY b.cure) AS cures, array_agg(b.cured_on ORDER BY b.cured_on) AS cured_on,
    count(b.cleared_at) AS cleared
FROM break b
GROUP BY 1, 2, 3, 4

-- name: statements
SELECT
    m.external_ref AS by_merchant, s.business_date AS by_date, s.opening, s.closing, s.lines
FROM statement s JOIN merchant m ON m.id = s.merchant
