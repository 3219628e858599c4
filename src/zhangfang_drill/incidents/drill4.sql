-- name: after_the_incident
-- What became of the payouts before anybody did anything about it; the money of parked ones is held.
SELECT
    count(*) FILTER (WHERE state = 'PARKED') AS parked,
    count(*) FILTER (WHERE state = 'FAILED') AS failed,
    coalesce(sum(amount) FILTER (WHERE state = 'PARKED'), 0)::bigint AS held_fen
FROM intent WHERE kind = 'payout' AND order_no LIKE 'D4-C%'

-- name: open_payouts
SELECT count(*) FROM intent WHERE kind = 'payout' AND state NOT IN ('SUCCESS', 'FAILED', 'REFUSED')
