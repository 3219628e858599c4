-- outside a transaction
-- A statement lists payments that ended without success: few, found without reading the others of the date.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS intent_unmoved ON intent (business_date, merchant)
WHERE state IN ('FAILED', 'REFUSED', 'CLOSED');
