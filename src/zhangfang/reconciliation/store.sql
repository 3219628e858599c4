-- name: get_file
SELECT * FROM channel_file WHERE channel = $1 AND settle_date = $2

-- name: lock_file
SELECT * FROM channel_file WHERE channel = $1 AND settle_date = $2 FOR UPDATE

-- name: open_listed
-- The first line of each intent that is still open, if it moves money in the same direction. Each line looks its intent
-- up: the other way round, each open intent would read all lines.
SELECT f.intent, f.line_no, f.channel_ref, f.amount
FROM (
    SELECT DISTINCT ON (l.order_no)
        i.id AS intent, l.line_no, l.channel_ref, l.amount, l.credit = (i.kind IN ('purchase', 'collection')) AS agrees
    FROM file_line l CROSS JOIN LATERAL (
        SELECT o.id, o.kind FROM intent o
        WHERE o.channel_order_no = l.order_no AND o.channel = l.channel
            AND o.state IN ('CREATED', 'PARKED', 'REDIRECTED', 'SENDING', 'ACCEPTED', 'UNKNOWN', 'MANUAL')
        OFFSET 0
    ) i
    WHERE l.channel = $1 AND l.settle_date = $2 AND NOT l.adjustment
    ORDER BY l.order_no, l.line_no
) f
WHERE f.agrees
ORDER BY f.line_no

-- name: returns_listed
-- The last line of each payout that the file lists as returned (退票), in full, while that is not proven yet.
SELECT DISTINCT ON (l.original_order_no) i.id AS intent, l.line_no, l.channel_ref, l.amount
FROM file_line l CROSS JOIN LATERAL (
    SELECT o.id, o.amount FROM intent o
    WHERE o.channel_order_no = l.original_order_no AND o.channel = l.channel AND o.returned_at IS NULL
    OFFSET 0
) i
WHERE l.channel = $1 AND l.settle_date = $2 AND l.adjustment AND l.credit AND l.operation = 'payout'
    AND i.amount = l.amount
ORDER BY l.original_order_no, l.line_no DESC

-- name: count_as_listed
INSERT INTO intent_match (intent, matched_on) VALUES ($1, $2) ON CONFLICT DO NOTHING

-- name: mark_absent
-- Every file that could list the order has been placed and does not list it: the next query may end it. A file with a
-- row that could not be read may list it there.
UPDATE intent SET absent_since = $3, next_action_at = $3 WHERE id = ANY(ARRAY(
SELECT i.id FROM intent i
WHERE i.channel = $1 AND i.absent_since IS NULL
    AND i.state IN ('REDIRECTED', 'SENDING', 'ACCEPTED', 'UNKNOWN', 'MANUAL')
    AND ((i.requested_at AT TIME ZONE 'Asia/Shanghai') + interval '75 minutes')::date <= $2
    AND NOT EXISTS (
        SELECT FROM generate_series(
            ((i.requested_at AT TIME ZONE 'Asia/Shanghai') + interval '1 hour')::date,
            ((i.requested_at AT TIME ZONE 'Asia/Shanghai') + interval '75 minutes')::date, interval '1 day'
        ) AS d
        WHERE NOT EXISTS (
            SELECT FROM channel_file f
            WHERE f.channel = $1 AND f.settle_date = d::date AND f.placed_at IS NOT NULL AND f.unread = 0
        )
    )
ORDER BY i.id FOR UPDATE
))

-- name: open_break
INSERT INTO break (
    id, class, channel, settle_date, key, intent, ours, theirs, difference, note, template, voucher, opened_at,
    cure_voucher
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT DO NOTHING
RETURNING id

-- name: breaks_of_date
SELECT * FROM break WHERE channel = $1 AND settle_date = $2 AND id > $3 ORDER BY id LIMIT $4

-- name: breaks_cured_in
-- The breaks that this date's file cures. The cures of people are booked when they are approved.
SELECT * FROM break
WHERE channel = $1 AND cured_on = $2 AND cleared_at IS NULL AND cure IN ('mirror', 'B5', 'S2', 'S3')
ORDER BY id LIMIT $3

-- name: get_break
SELECT * FROM break WHERE id = $1

-- name: cure_by_line
-- `cleared_by` names the line that cures it, so that after a crash the same line finds it again and no other line does.
UPDATE break SET cure = $2, cured_on = $3, cleared_by = $4
WHERE id = $1 AND (cure IS NULL OR cleared_by = $4)
RETURNING *

-- name: answer_contradictions
-- A contradiction moves no money: it ends when a file or a bank line has shown where the money is.
UPDATE break b SET cure = 'file', cured_on = $2, cleared_at = $3, cleared_by = $4
WHERE b.channel = $1 AND b.class = 'contradiction' AND b.cleared_at IS NULL AND (
    -- That the payout stands in a file says nothing of how much of it came back.
    EXISTS (SELECT FROM intent_match i WHERE i.intent = b.intent AND b.key NOT LIKE '%/returned/%')
    OR EXISTS (
        SELECT FROM break m
        WHERE m.intent = b.intent AND m.class IN ('missing_here', 'missing_there', 'unknown_receipt', 'unknown_debit')
    )
)

-- name: clear_break
UPDATE break SET cleared_at = $2, cleared_by = $3 WHERE id = $1 AND cleared_at IS NULL

-- name: clear_breaks
UPDATE break SET cleared_at = $2, cleared_by = $3 WHERE id = ANY($1::uuid[]) AND cleared_at IS NULL

-- name: placed
UPDATE channel_file SET placed_at = $3 WHERE channel = $1 AND settle_date = $2

-- name: matched
UPDATE channel_file SET matched_at = coalesce(matched_at, $3) WHERE channel = $1 AND settle_date = $2

-- name: sums_of_matched
-- A late pay-in was moved to 1242 and leaves it by its own cure (B5); a late refund has stayed in 3013.
SELECT
    coalesce(sum(i.amount) FILTER (WHERE i.kind IN ('purchase', 'collection') AND f.status = 'matched'), 0)::bigint
    AS pay_in,
    coalesce(sum(i.amount) FILTER (WHERE i.kind IN ('refund', 'void')), 0)::bigint AS refund,
    coalesce(sum(i.amount) FILTER (WHERE i.kind = 'payout' AND f.status <> 'returned'), 0)::bigint AS payout,
    coalesce(sum(i.amount) FILTER (WHERE i.kind = 'payout' AND f.status = 'returned'), 0)::bigint AS returned
FROM placed_line f JOIN intent i ON i.id = f.intent
WHERE f.channel = $1 AND f.settle_date = $2 AND f.status IN ('matched', 'late', 'returned')

-- name: void_sum
-- Voids that the file leaves out together with their payments.
SELECT coalesce(sum(i.amount), 0)::bigint FROM intent_match m JOIN intent i ON i.id = m.intent
WHERE m.matched_on = $2 AND m.line_no IS NULL AND i.channel = $1 AND i.kind = 'void' AND i.state = 'SUCCESS'

-- name: add_bank_lines
INSERT INTO bank_line (
    account, sequence, booked_at, business_date, amount, credit, balance, reference, request_no, counterparty, text,
    reversal, raw, voucher
)
SELECT $1, * FROM unnest(
    $2::text[], $3::timestamptz[], $4::date[], $5::bigint[], $6::boolean[], $7::bigint[], $8::text[], $9::text[],
    $10::text[], $11::text[], $12::boolean[], $13::text[], $14::uuid[]
)
ON CONFLICT DO NOTHING

-- name: cursor
SELECT cursor FROM statement_cursor WHERE account = $1

-- name: keep_cursor
INSERT INTO statement_cursor (account, cursor, read_at) VALUES ($1, $2, $3)
ON CONFLICT (account) DO UPDATE SET cursor = excluded.cursor, read_at = excluded.read_at

-- name: unposted_lines
SELECT * FROM bank_line WHERE account = $1 AND posted_at IS NULL ORDER BY booked_at, length(sequence), sequence

-- name: posted_line
UPDATE bank_line SET template = $3, intent = $4, posted_at = $5 WHERE account = $1 AND sequence = $2

-- name: arrived
UPDATE channel_file SET arrived_at = $3, arrived_seq = $4 WHERE channel = $1 AND settle_date = $2

-- name: intent_arrived
UPDATE intent SET arrived_seq = $2 WHERE id = $1

-- name: intent_of_reference
SELECT * FROM intent WHERE channel = $1 AND channel_order_no = $2

-- name: undone_by_line
-- Open breaks that a line of the opposite amount cures, and the one that this line ($5) has begun to cure.
SELECT * FROM break
WHERE channel = $1 AND class = $2 AND difference = $3 AND ($4::date IS NULL OR settle_date = $4)
    AND (cure IS NULL OR cleared_by = $5 AND cleared_at IS NULL)
ORDER BY opened_at, id

-- name: break_of_line
SELECT * FROM break WHERE channel = $1 AND class = $2 AND key = $3

-- name: on_another_line
-- Two people may have said so of a line that came as unknown.
SELECT EXISTS (SELECT FROM bank_line WHERE intent = $1 AND template = $2 AND (account, sequence) <> ($3, $4))
    OR EXISTS (
        SELECT FROM break
        WHERE identified = $1 AND cure = CASE $2 WHEN 'O8' THEN 'X3.3015' ELSE 'X3.debit.3014' END
    )

-- name: line_of_break
-- The key of a break that a line opened is its reference, date and line number.
SELECT * FROM file_line
WHERE channel = $1 AND settle_date = $2 AND line_no = split_part($3, '/', -1)::int

-- name: number_taken
-- Another payment that has one of the numbers of the payment to fill in.
SELECT id FROM intent
WHERE id <> $1 AND (channel_order_no = $2 OR merchant = $3 AND kind = 'collection' AND order_no = $4)

-- name: claim_announced
-- The announced top-up, prefunding or interest that a line brings. The line's name is stored with it first, so that the same line finds it again.
UPDATE register_entry SET line = $2
WHERE id = (
    SELECT e.id FROM register_entry e
    WHERE e.kind IN ('top_up', 'prefunding', 'interest') AND e.closed_at IS NULL AND e.amount = $1 AND (e.line IS NULL OR e.line = $2)
    ORDER BY e.line IS NULL, e.id LIMIT 1
) AND (line IS NULL OR line = $2)
RETURNING id, kind

-- name: announced_arrived
UPDATE register_entry SET outcome = 'arrived', closed_by = $2, closed_at = $3 WHERE id = $1 AND closed_at IS NULL
