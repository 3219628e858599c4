-- name: files
SELECT channel, settle_date FROM channel_file
WHERE settle_date BETWEEN $1 AND $2 AND matched_at IS NOT NULL
ORDER BY channel, settle_date

-- name: lines
-- The lines of a file that stand for something of ours, with what their charge depends on. A refund has its payment.
SELECT
    l.line_no, l.fee AS charged, i.id, coalesce(o.fee_rule, i.fee_rule) AS rule, i.kind, i.merchant, i.order_no, i.amount, i.product, i.instalments, i.account_type,
    i.fee_by, coalesce(b.fee, CASE WHEN i.original IS NULL THEN i.fee ELSE -i.fee END)::bigint AS income,
    o.kind AS original_kind, o.amount AS original_amount, o.product AS original_product,
    o.instalments AS original_instalments, o.account_type AS original_account_type, o.fee_by AS original_fee_by
FROM placed_line l
JOIN intent i ON i.id = l.intent
LEFT JOIN intent o ON o.id = i.original
LEFT JOIN fee_bill_line b ON b.intent = i.id
WHERE l.channel = $1 AND l.settle_date = $2 AND l.status IN ('matched', 'late')
ORDER BY l.line_no
