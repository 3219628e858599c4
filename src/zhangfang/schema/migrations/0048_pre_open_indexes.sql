-- outside a transaction
-- What is open, due or wrong is found without reading what is long finished. Each of these indexes is as long as what is
-- open, or serves a list that begins at its newest row.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS intent_open ON intent (business_date) WHERE state IN (
    'CREATED', 'PARKED', 'REDIRECTED', 'SENDING', 'ACCEPTED', 'UNKNOWN', 'MANUAL'
);
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS intent_merchant ON intent (merchant, kind, id);
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS intent_unsettled ON intent (settle_date)
WHERE kind IN ('purchase', 'collection') AND state = 'SUCCESS' AND settlement IS NULL;
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS intent_unmatched ON intent (channel, (coalesce(settle_date, business_date)))
WHERE state = 'SUCCESS' AND matched_on IS NULL;
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS intent_settlement ON intent (settlement) WHERE settlement IS NOT NULL;
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS intent_undo_settlement ON intent (undo_settlement) WHERE undo_settlement IS NOT NULL;
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS intent_to_take_back ON intent (id)
WHERE settlement IS NOT NULL AND undo_settlement IS NULL AND state IN ('FAILED', 'REFUSED');
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS intent_late ON intent (decided_at) WHERE decided_at - created_at > interval '1 day';
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS intent_void ON intent (channel, matched_on) WHERE kind = 'void';
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS intent_back ON intent (id) WHERE kind IN ('refund', 'void');
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS intent_payout ON intent (id) WHERE kind = 'payout';
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS intent_touched ON intent (id) WHERE refunded > 0 OR voided;
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS bank_line_date ON bank_line (business_date);
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS bank_line_reference ON bank_line (reference);
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS bank_line_request ON bank_line (request_no);
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS break_date ON break (settle_date);
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS break_intent ON break (intent) WHERE intent IS NOT NULL;
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS break_key ON break (key);
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS settlement_unposted ON settlement (run_date) WHERE posted_at IS NULL;
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS mandate_merchant ON mandate (merchant, id);
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS batch_unfinished ON batch (merchant) WHERE state <> 'FINISHED';
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS masked_voucher_case ON masked_voucher (duplicate);
