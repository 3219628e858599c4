-- outside a transaction
-- The breaks of a date, and those that a date's file cures, are read page by page.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS break_of_date ON break (channel, settle_date, id);
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS break_cured_on ON break (channel, cured_on, id) WHERE cleared_at IS NULL;
