-- outside a transaction
-- Refunds that were advanced, and batches that paid advances back, are rare and found by merchant.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS intent_advanced ON intent (merchant) WHERE template = 'R3';
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS settlement_recovered ON settlement (merchant) WHERE recovered <> 0;
