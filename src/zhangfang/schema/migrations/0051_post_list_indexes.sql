-- outside a transaction
-- What intent_back_kind serves better.
DROP INDEX CONCURRENTLY IF EXISTS intent_back;
