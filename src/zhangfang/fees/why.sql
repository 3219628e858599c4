-- name: charged
-- A payment, refund or payout with what its fee depends on, and with the payment that a refund gives back.
SELECT
    i.id, i.kind, i.merchant, i.amount, i.surcharge, i.fee, i.state, i.channel, i.product, i.instalments, i.account_type, i.fee_by,
    i.fee_rule, i.fee_taken, i.advanced, i.created_at, i.original, o.kind AS original_kind, o.amount AS original_amount,
    o.fee AS original_fee
FROM intent i LEFT JOIN intent o ON o.id = i.original
WHERE i.id = $1
