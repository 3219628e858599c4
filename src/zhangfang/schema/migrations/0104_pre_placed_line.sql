-- Lines of placed files, each with the payment that it stands for. A line is stored as matched with the payment that has its
-- order number, for nearly all lines are, and these need no second writing; placing changes the others. So before its file is
-- placed a line's status says nothing, and the line is not in this view.
CREATE VIEW placed_line AS
SELECT
    l.channel, l.settle_date, l.line_no, l.order_no, l.channel_ref, l.operation, l.amount, l.credit, l.fee, l.adjustment,
    l.original_order_no, l.note, l.raw, l.unread, l.status, coalesce(l.intent, i.id) AS intent
FROM file_line l
JOIN channel_file f ON f.channel = l.channel AND f.settle_date = l.settle_date AND coalesce(f.placed_at, f.matched_at) IS NOT NULL
LEFT JOIN intent i ON l.status = 'matched' AND l.intent IS NULL
    AND i.channel = l.channel AND i.channel_order_no = l.order_no;
