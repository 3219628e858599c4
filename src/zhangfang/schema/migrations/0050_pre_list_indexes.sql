-- outside a transaction
-- A list of voids, or of what was voided, is long in no merchant's life: it must not read the refunds to find its end.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS intent_back_kind ON intent (kind, id) WHERE kind IN ('refund', 'void');
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS intent_voided ON intent (id) WHERE voided;
