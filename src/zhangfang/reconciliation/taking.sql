-- name: digest
SELECT digest, name FROM channel_file WHERE channel = $1 AND settle_date = $2

-- name: add_file
INSERT INTO channel_file (
    channel, settle_date, name, digest, lines, received_at, pay_in_voucher, refund_voucher, fee_voucher, void_voucher,
    arrival_voucher, payout_voucher, return_voucher, pay_in_fen, refund_fen, fee_fen, net_fen, unread
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
