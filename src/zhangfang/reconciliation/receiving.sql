-- name: add_file
INSERT INTO channel_file (
    channel, settle_date, name, digest, received_at, pay_in_voucher, refund_voucher, fee_voucher, void_voucher,
    arrival_voucher, payout_voucher, return_voucher, lines, pay_in_fen, refund_fen, fee_fen, net_fen
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, 0, 0, 0, 0)
ON CONFLICT DO NOTHING
RETURNING settle_date

-- name: sum_file
-- The channel's bank line will be of the net amount. A row that could not be read counts for nothing: what it stands for
-- shows in that bank line.
UPDATE channel_file f SET
    lines = s.lines, unread = s.unread, pay_in_fen = s.pay_in, refund_fen = s.refund, fee_fen = s.fee,
    net_fen = s.pay_in - s.refund - s.fee
FROM (
    SELECT
        count(*) AS lines, count(*) FILTER (WHERE l.unread <> '') AS unread,
        coalesce(sum(l.amount) FILTER (WHERE l.credit), 0)::bigint AS pay_in,
        coalesce(sum(l.amount) FILTER (WHERE NOT l.credit), 0)::bigint AS refund, coalesce(sum(l.fee), 0)::bigint AS fee
    FROM file_line l WHERE l.channel = $1 AND l.settle_date = $2 AND l.status <> 'gone'
) s
WHERE f.channel = $1 AND f.settle_date = $2
RETURNING f.lines

-- name: count_anew
SELECT analyze_file_lines()
