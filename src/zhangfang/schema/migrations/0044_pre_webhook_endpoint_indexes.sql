-- outside a transaction
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE UNIQUE INDEX CONCURRENTLY webhook_endpoint_id ON webhook_endpoint (id);
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY webhook_endpoint_due ON webhook_endpoint (next_action_at) WHERE next_action_at IS NOT NULL;
