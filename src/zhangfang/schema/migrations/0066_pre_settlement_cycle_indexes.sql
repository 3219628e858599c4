-- outside a transaction
-- What is owed, held or not booked yet is found without reading what is long finished.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS settlement_owed ON settlement (merchant, id) WHERE owed > 0;
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS settlement_reserved ON settlement (merchant, release_on)
WHERE reserved > 0 AND release IS NULL;
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS settlement_release ON settlement (release) WHERE release IS NOT NULL;
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS settlement_set_off_carried ON settlement_set_off (carried);
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS settlement_absorbed ON settlement (merchant) WHERE absorbed <> 0;
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS intent_guarantee ON intent (merchant) WHERE template = 'R3.guarantee';
