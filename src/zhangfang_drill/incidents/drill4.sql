-- name: after_the_incident
-- The payouts' states before anybody acts on them. The money of parked payouts is held, in fen.
SELECT
    count(*) FILTER (WHERE state = 'PARKED') AS parked,
    count(*) FILTER (WHERE state = 'FAILED') AS failed,
    coalesce(sum(amount) FILTER (WHERE state = 'PARKED'), 0)::bigint AS held_fen
FROM intent WHERE kind = 'payout' AND order_no LIKE 'D4-C%'

-- name: open_payouts
SELECT count(*) FROM intent WHERE kind = 'payout' AND state NOT IN ('SUCCESS', 'FAILED', 'REFUSED')
