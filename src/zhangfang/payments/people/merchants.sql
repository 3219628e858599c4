-- name: open
-- What of a merchant is not over; `$2`: payouts that ended after it may still come back.
SELECT
    (SELECT count(*)::int FROM intent
     WHERE merchant = $1 AND state NOT IN ('SUCCESS', 'FAILED', 'REFUSED', 'CLOSED')) AS intents,
    (SELECT count(*)::int FROM intent
     WHERE merchant = $1 AND kind = 'payout' AND state = 'SUCCESS' AND returned_at IS NULL AND decided_at > $2)
    AS returnable,
    (SELECT count(*)::int FROM batch WHERE merchant = $1 AND state <> 'FINISHED') AS batches,
    (SELECT count(*)::int FROM duplicate WHERE merchant = $1 AND state NOT IN ('DONE', 'DISMISSED')) AS cases,
    (SELECT count(*)::int FROM break b JOIN intent i ON i.id = b.intent
     WHERE b.cleared_at IS NULL AND i.merchant = $1) AS breaks
