-- outside a transaction
-- What was approved and carried out in a week.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS operator_act_done_at ON operator_act (at) WHERE act = 'done';
