-- outside a transaction
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY intent_mandate ON intent (mandate, created_at) WHERE mandate IS NOT NULL;
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY intent_batch ON intent (batch) WHERE batch IS NOT NULL;
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY intent_parked ON intent (parked_since) WHERE state = 'PARKED';
