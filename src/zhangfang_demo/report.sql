-- name: outcomes
-- Declined: the payer's own bank said no (UnionPay's respCode 60 to 67, Lakala's FAIL, the network's PB520051), the payer
-- never came, or the merchant's balance did not suffice. Anything else that did not succeed is a failure of the service,
-- also a wallet's order that was closed unpaid: its payer may have had nothing to pay with.
SELECT
    count(*)::int AS attempted,
    (count(*) FILTER (WHERE state = 'SUCCESS'))::int AS succeeded,
    (count(*) FILTER (
        WHERE state IN ('CLOSED', 'REFUSED') OR state = 'FAILED' AND (
            channel = 'unionpay' AND code LIKE '6_' OR channel = 'lakala' AND code LIKE '%FAIL'
            OR channel = 'epcc' AND code LIKE '%PB520051'
        )
    ))::int AS declined,
    (count(*) FILTER (WHERE returned_at IS NOT NULL))::int AS returned
FROM intent WHERE kind = ANY($1::text[]) AND template <> 'B2'

-- name: unknown_open
SELECT count(*)::int FROM intent
WHERE state IN ('CREATED', 'REDIRECTED', 'SENDING', 'ACCEPTED', 'UNKNOWN', 'MANUAL')

-- name: reconciliation
SELECT
    ((SELECT count(*) FROM file_line) + (SELECT count(*) FROM bank_line))::int AS lines,
    (
        (SELECT count(*) FROM file_line WHERE status IN ('matched', 'late', 'adjusted'))
        + (SELECT count(*) FROM bank_line WHERE template NOT IN ('X1', 'X2'))
    )::int AS matched,
    (SELECT count(*) FROM break)::int AS breaks_found,
    (SELECT count(*) FROM break WHERE cleared_at IS NULL)::int AS breaks_open

-- name: statements
SELECT count(*)::int FROM statement WHERE business_date = $1
