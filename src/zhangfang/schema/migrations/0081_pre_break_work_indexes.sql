-- outside a transaction
-- What people did with one thing, such as a break; and whether a payment is what two people said a bank line was.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS operator_act_target ON operator_act (target, seq);
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS break_identified ON break (identified) WHERE identified IS NOT NULL;
