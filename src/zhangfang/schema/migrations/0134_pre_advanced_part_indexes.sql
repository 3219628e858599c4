-- outside a transaction
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS split_back_advanced ON split_back (receiver) WHERE advanced > 0;
