-- name: files
SELECT channel, settle_date, name, lines, unread, pay_in_fen, refund_fen, fee_fen, received_at, matched_at, arrived_at
FROM channel_file ORDER BY settle_date DESC, channel LIMIT $1

-- name: statements
SELECT account, n, number, opening, closing, lines, name, taken_by, taken_at
FROM bank_statement ORDER BY taken_at DESC LIMIT $1

-- name: accounts
SELECT DISTINCT subject FROM account WHERE code = 1003 OR code = 1002 AND subject = 'own' ORDER BY subject

-- name: matching
SELECT count(DISTINCT channel_order_no)::int FROM intent WHERE channel = $1 AND channel_order_no = ANY($2::text[])
