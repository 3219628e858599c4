-- outside a transaction
-- Payments that were decided more than a day after they were asked for: few, and looked for by their decision.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY intent_decided_late ON intent (decided_at)
WHERE decided_at - created_at > interval '1 day';
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY settlement_not_paid_out ON settlement (merchant, id)
WHERE payout IS NULL AND posted_at IS NOT NULL AND amount > 0 AND pays_out IS NOT FALSE;
