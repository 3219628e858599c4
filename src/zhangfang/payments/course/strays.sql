-- name: line_of_break
-- A line of the channel's file that no successful payment of ours matches. Its time is known if an earlier attempt, or a
-- payment that did not succeed, has its number.
SELECT
    l.order_no, l.channel_ref, l.operation, l.amount, l.credit, l.adjustment,
    coalesce(
        (SELECT requested_at FROM intent WHERE channel_order_no = l.order_no),
        (SELECT requested_at FROM attempt WHERE channel_order_no = l.order_no)
    ) AS requested_at
FROM break b
JOIN file_line l
    ON l.channel = b.channel AND l.settle_date = b.settle_date AND l.line_no = split_part(b.key, '/', -1)::int
WHERE b.id = $1

-- name: mark
UPDATE break SET returned_by = $2
WHERE id = $1 AND returned_by IS NULL AND cleared_at IS NULL AND cure IN ('B3', 'R4', 'X4')
RETURNING id
