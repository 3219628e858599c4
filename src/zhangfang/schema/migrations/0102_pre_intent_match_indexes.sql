-- outside a transaction
-- Matches without a line are few: voided pairs, and what people let count as listed.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS intent_match_unlisted ON intent_match (matched_on) WHERE line_no IS NULL;
-- What a channel's file of a date has to list.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS intent_proven ON intent (channel, (coalesce(settle_date, business_date)))
WHERE state = 'SUCCESS';
-- Payments that were proven after their settlement date: few. Their file may have been placed before.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS intent_proven_late ON intent (channel, decided_at)
WHERE state = 'SUCCESS' AND (decided_at AT TIME ZONE 'Asia/Shanghai')::date > coalesce(settle_date, business_date);
-- Payouts that no bank line has shown.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS intent_not_arrived ON intent (business_date)
WHERE kind = 'payout' AND state = 'SUCCESS' AND arrived_seq IS NULL;
-- Lines that correct earlier ones are few, and looked for in each file.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS file_line_adjustment ON file_line (channel, settle_date, line_no) WHERE adjustment;
