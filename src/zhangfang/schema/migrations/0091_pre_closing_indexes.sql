-- outside a transaction
-- A cure changes the certificate of its day.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS break_cleared ON break (cleared_at) WHERE cleared_at IS NOT NULL;
-- Payouts that no bank line and no file has shown yet: as long as what is on its way.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS intent_in_transit ON intent (business_date)
WHERE kind = 'payout' AND state = 'SUCCESS' AND arrived_seq IS NULL AND matched_on IS NULL;
