-- outside a transaction
-- The last line of an account up to a date, whose balance is what the bank has.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS bank_line_last
ON bank_line (account, business_date DESC, booked_at DESC, (length(sequence)) DESC, sequence DESC);
