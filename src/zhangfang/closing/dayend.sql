-- name: own_balances
-- Balances of the two mirrored pairs up to a business date, on their normal sides, without the lines of the two vouchers
-- $2, which may be booked already.
WITH own AS (
    SELECT a.shard, a.id, a.code, b.opening + b.debits - b.credits AS balance
    FROM account a JOIN books_balances($1) b ON b.shard = a.shard AND b.account = a.id
    WHERE a.code IN (2361, 1222, 1241)
), booked AS (
    SELECT o.id, sum(CASE WHEN t.debit = o.id THEN t.amount ELSE -t.amount END) AS moved
    FROM unnest($2::uuid[]) AS v (id)
    CROSS JOIN LATERAL ledger_voucher(v.id) t
    JOIN own o ON o.shard = t.shard AND o.id IN (t.debit, t.credit)
    WHERE t.business_date <= $1 AND t.flags & 202 = 0
    GROUP BY o.id
)
SELECT
    coalesce(-sum(o.balance - coalesce(b.moved, 0)) FILTER (WHERE o.code = 2361), 0)::bigint AS c2361,
    coalesce(sum(o.balance - coalesce(b.moved, 0)) FILTER (WHERE o.code = 1222), 0)::bigint AS o1222,
    coalesce(sum(o.balance - coalesce(b.moved, 0)) FILTER (WHERE o.code = 1241), 0)::bigint AS c1241
FROM own o LEFT JOIN booked b ON b.id = o.id

-- name: unfinished
SELECT count(*)::int FROM intent
WHERE state IN ('SENDING', 'ACCEPTED', 'UNKNOWN', 'MANUAL', 'REDIRECTED', 'CREATED') AND business_date <= $1

-- name: statement_read_at
SELECT read_at FROM statement_cursor WHERE account = $1

-- name: unposted_lines
SELECT count(*)::int FROM bank_line WHERE account = $1 AND business_date <= $2 AND posted_at IS NULL

-- name: file_matched
SELECT matched_at IS NOT NULL FROM channel_file WHERE channel = $1 AND settle_date = $2
