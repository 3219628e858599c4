-- name: figures
-- The company's own money in the reserve now, in fen, and what of it may not leave. Fees of the first settlement date whose
-- money has not come, and of all dates after it (up to $1), are not at the bank yet. $2: a withdrawal that does not count.
WITH balance AS (
    SELECT code, sum(debits - credits)::bigint AS fen FROM books_now
    WHERE code IN (1222, 1241, 1242, 1243, 2361) GROUP BY code
), waiting AS (
    SELECT min(settle_date) AS since FROM channel_file WHERE arrived_at IS NULL AND net_fen <> 0
)
SELECT
    coalesce(-(SELECT fen FROM balance WHERE code = 2361), 0) AS own,
    coalesce((SELECT fen FROM balance WHERE code = 1222), 0) AS recognised,
    coalesce((SELECT fen FROM balance WHERE code = 1241), 0) AS due,
    coalesce((SELECT sum(fen) FROM balance WHERE code IN (1242, 1243)), 0)::bigint AS sought,
    coalesce((
        SELECT sum(b.credits) FROM waiting w
        CROSS JOIN LATERAL generate_series(w.since, $1::date, interval '1 day') AS day (at)
        CROSS JOIN LATERAL books_balances(day.at::date) b
        JOIN account a ON a.shard = b.shard AND a.id = b.account AND a.code = 2361
    ), 0)::bigint AS coming,
    coalesce((
        SELECT sum(amount) FROM intent
        WHERE merchant = 'platform' AND kind = 'payout' AND template = 'D4' AND state IN ('CREATED', 'PARKED')
            AND id <> $2
    ), 0)::bigint AS leaving

-- name: cash
-- What lies on a reserve account: by the books, and by the last line of the bank's statement.
SELECT
    coalesce((SELECT sum(debits - credits) FROM books_now WHERE code = 1003 AND subject = $1), 0)::bigint AS books,
    coalesce((
        SELECT balance FROM bank_line WHERE account = $1
        ORDER BY business_date DESC, booked_at DESC, length(sequence) DESC, sequence DESC LIMIT 1
    ), 0) AS bank

-- name: is_booked
SELECT EXISTS (SELECT FROM ledger_voucher($1))

-- name: lock
-- One decision about the company's own money at a time, until the transaction ends.
SELECT pg_advisory_xact_lock(4)

-- name: account
SELECT id, proposal, tail, name_masked, bank, fingerprint, approved_by, approved_at FROM own_account ORDER BY n DESC LIMIT 1

-- name: set_account
INSERT INTO own_account (id, proposal, tail, name_masked, bank, fingerprint, approved_by, approved_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: withdrawals
-- The newest ones. The platform has few payouts of its own.
SELECT * FROM intent WHERE merchant = 'platform' AND kind = 'payout' AND template = 'D4' ORDER BY id DESC LIMIT $1

-- name: of_proposal
SELECT id FROM intent WHERE original = $1 AND template = 'D4'
