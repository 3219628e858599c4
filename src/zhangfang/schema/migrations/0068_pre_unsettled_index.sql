-- outside a transaction
-- What is pending for one merchant, without reading what is settled.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS intent_unsettled_merchant ON intent (merchant, settle_date)
WHERE kind IN ('purchase', 'collection') AND state = 'SUCCESS' AND settlement IS NULL;
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS split_unsettled_receiver ON split (receiver) WHERE settlement IS NULL;
