-- outside a transaction
-- What is still to be billed, and what a settlement takes a fee of: each as long as what is open, or as rare as such contracts.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS intent_to_bill ON intent (merchant, (coalesce(settle_date, business_date)))
WHERE state = 'SUCCESS' AND fee_taken IN ('month', 'available') AND fee_bill IS NULL;
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS intent_fee_settled ON intent (settlement) WHERE fee_taken = 'settlement';
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS intent_fee_unsettled ON intent (undo_settlement)
WHERE fee_taken = 'settlement' AND undo_settlement IS NOT NULL;
