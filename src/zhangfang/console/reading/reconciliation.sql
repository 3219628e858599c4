-- name: files
WITH named AS (
    SELECT unnest($2::text[]) AS channel
    UNION
    SELECT channel FROM channel_file WHERE settle_date = $1
), ours AS (
    SELECT
        i.channel,
        sum(CASE WHEN i.kind IN ('purchase', 'collection') THEN i.amount ELSE -i.amount END)
            FILTER (WHERE m.matched_on IS NOT NULL OR i.settle_date = $1) AS fen,
        count(*) FILTER (
            WHERE m.matched_on IS NULL
            AND NOT EXISTS (SELECT FROM break b WHERE b.intent = i.id AND b.cleared_at IS NULL)
        ) AS not_due
    FROM intent i LEFT JOIN intent_match m ON m.intent = i.id
    WHERE
        i.id = ANY(ARRAY(
            SELECT d.id FROM intent d WHERE d.settle_date = $1
            UNION
            SELECT l.intent FROM channel_file f JOIN placed_line l USING (channel, settle_date) WHERE f.settle_date = $1
        ))
        AND i.state = 'SUCCESS' AND i.kind <> 'payout'
        AND NOT (i.kind = 'void' OR i.voided) -- a pair that its channel leaves out of the file
        AND (i.settle_date = $1 AND m.matched_on IS NULL OR m.matched_on = $1)
    GROUP BY i.channel
), lines AS (
    SELECT channel, count(*) AS lines, count(*) FILTER (WHERE l.status = 'matched') AS matched
    FROM channel_file f JOIN placed_line l USING (channel, settle_date)
    WHERE f.settle_date = $1 AND l.status <> 'gone' GROUP BY channel
), breaks AS (
    SELECT channel, count(*) AS breaks FROM break WHERE settle_date = $1 GROUP BY channel
)
SELECT
    n.channel, f.name, f.digest, f.received_at, f.matched_at, f.arrived_at, f.arrived_seq,
    coalesce(l.lines, 0)::int AS lines, coalesce(l.matched, 0)::int AS matched,
    coalesce(o.not_due, 0)::int AS not_due, coalesce(b.breaks, 0)::int AS breaks,
    coalesce(o.fen, 0)::bigint AS ours_fen, (f.pay_in_fen - f.refund_fen) AS theirs_fen, f.fee_fen,
    d.next_action_at AS due_at, d.note AS due_note
FROM named n
LEFT JOIN channel_file f ON f.channel = n.channel AND f.settle_date = $1
LEFT JOIN ours o ON o.channel = n.channel
LEFT JOIN lines l ON l.channel = n.channel
LEFT JOIN breaks b ON b.channel = n.channel
LEFT JOIN task d ON d.kind = 'file' AND d.key = n.channel || '/' || $1::date::text AND d.state = 'WAITING'
ORDER BY n.channel

-- name: file_lines
SELECT
    l.line_no::text AS number, l.order_no AS reference, l.channel_ref AS theirs, NULL::timestamptz AS at, l.status,
    CASE WHEN l.credit THEN l.amount ELSE -l.amount END AS fen, l.intent, NULL::uuid AS voucher,
    (count(*) OVER ())::int AS all_count, (sum(CASE WHEN l.credit THEN l.amount ELSE -l.amount END) OVER ())::bigint AS all_fen
FROM placed_line l
WHERE l.channel = $1 AND l.settle_date = $2 AND l.status <> 'gone' AND (NOT $3 OR l.status = 'matched')
ORDER BY l.line_no LIMIT $4 OFFSET $5

-- name: our_side
-- What `files` sums as ours; with $3 only what is not due yet.
SELECT
    '' AS number, i.order_no AS reference, i.channel_ref AS theirs, i.created_at AS at, i.kind AS status,
    CASE WHEN i.kind IN ('purchase', 'collection') THEN i.amount ELSE -i.amount END AS fen,
    i.id AS intent, NULL::uuid AS voucher, (count(*) OVER ())::int AS all_count,
    (sum(CASE WHEN i.kind IN ('purchase', 'collection') THEN i.amount ELSE -i.amount END) OVER ())::bigint AS all_fen
FROM intent i LEFT JOIN intent_match m ON m.intent = i.id
WHERE
    i.id = ANY(ARRAY(
        SELECT d.id FROM intent d WHERE d.settle_date = $2
        UNION
        SELECT l.intent FROM channel_file f JOIN placed_line l USING (channel, settle_date) WHERE f.settle_date = $2
    ))
    AND i.channel = $1 AND i.state = 'SUCCESS' AND i.kind <> 'payout' AND NOT (i.kind = 'void' OR i.voided)
    AND (i.settle_date = $2 AND m.matched_on IS NULL OR m.matched_on = $2)
    AND (NOT $3 OR m.matched_on IS NULL
        AND NOT EXISTS (SELECT FROM break b WHERE b.intent = i.id AND b.cleared_at IS NULL))
ORDER BY i.id LIMIT $4 OFFSET $5

-- name: bank_lines
SELECT
    b.sequence AS number, b.text AS reference, nullif(b.reference, '') AS theirs, b.booked_at AS at, '' AS status,
    CASE WHEN b.credit THEN b.amount ELSE -b.amount END AS fen, b.intent, b.voucher,
    (count(*) OVER ())::int AS all_count, (sum(CASE WHEN b.credit THEN b.amount ELSE -b.amount END) OVER ())::bigint AS all_fen
FROM bank_line b
WHERE b.account = $1 AND b.business_date = $2 AND (NOT $3 OR b.posted_at IS NOT NULL)
ORDER BY b.booked_at, b.sequence LIMIT $4 OFFSET $5

-- name: statements
SELECT
    b.account, (count(*))::int AS lines, (count(b.posted_at))::int AS posted,
    (SELECT count(*) FROM break k WHERE k.settle_date = $1 AND k.channel = b.account)::int AS breaks,
    -- Cash moves on a bank line only, and with the line's own date: the pages of that date are all there is to read.
    coalesce((
        SELECT sum(n.debits - n.credits)
        FROM account a JOIN books_balances($1) n ON n.shard = a.shard AND n.account = a.id
        WHERE a.code IN (1002, 1003, 1004) AND a.subject = b.account
    ), 0)::bigint AS ours_fen,
    sum(CASE WHEN b.credit THEN b.amount ELSE -b.amount END)::bigint AS theirs_fen,
    (SELECT c.read_at FROM statement_cursor c WHERE c.account = b.account) AS read_at
FROM bank_line b
WHERE b.business_date = $1
GROUP BY b.account
ORDER BY b.account

-- name: breaks
-- Those of a date, or the one of $2.
SELECT
    b.id, b.class AS cls, b.channel, b.settle_date, b.key, b.ours, b.theirs, b.difference, b.note, b.template,
    b.opened_at, b.cure, b.cleared_at, b.cleared_by, b.proposed_cure, b.proposed_by, b.proposal, b.intent, b.owner,
    i.kind,
    i.channel_order_no AS our_order, i.channel_ref AS our_ref, i.requested_at AS our_time, i.state AS our_state,
    l.line_no AS their_line, coalesce(l.order_no, nullif(k.reference, '')) AS their_order,
    coalesce(l.channel_ref, k.sequence) AS their_ref, coalesce(nullif(l.note, ''), k.text) AS their_text,
    k.booked_at AS their_time
FROM (
    SELECT * FROM break WHERE settle_date = $1
    UNION ALL
    SELECT * FROM break WHERE id = $2
) b
LEFT JOIN intent i ON i.id = b.intent
LEFT JOIN LATERAL (
    SELECT * FROM (
        SELECT * FROM file_line WHERE channel_ref = b.key
        UNION ALL
        SELECT * FROM file_line WHERE intent = b.intent
        UNION ALL
        SELECT f.* FROM intent_match m
        JOIN file_line f ON f.channel = b.channel AND f.settle_date = m.matched_on AND f.line_no = m.line_no
        WHERE m.intent = b.intent
        UNION ALL
        -- a line that nobody here asked for: its reference, date and number are the key
        SELECT * FROM file_line
        WHERE channel = b.channel AND settle_date = b.settle_date
            AND line_no = CASE WHEN b.key ~ '/[0-9]{1,9}$' THEN split_part(b.key, '/', -1)::int END
            AND concat_ws('/', channel_ref, settle_date, line_no) = b.key
    ) f
    WHERE f.channel = b.channel AND f.settle_date = b.settle_date
    ORDER BY f.line_no LIMIT 1
) l ON true
LEFT JOIN LATERAL (
    SELECT * FROM bank_line k
    WHERE k.account IN (SELECT account FROM statement_cursor) AND k.sequence = b.key ORDER BY k.booked_at LIMIT 1
) k ON l.line_no IS NULL
ORDER BY b.cleared_at IS NOT NULL, b.opened_at, b.id
LIMIT $3

-- name: newest_day
SELECT greatest(
    (SELECT max(settle_date) FROM channel_file), (SELECT max(business_date) FROM bank_line)
)
