-- name: plan_anew
-- Each chunk is planned anew, since the chunks before it have opened breaks.
SELECT set_config('plan_cache_mode', 'force_custom_plan', true), set_config('work_mem', '256MB', true)

-- name: take_turn
-- One file of a channel is placed at a time, until the transaction ends: else two files could match the same intent.
SELECT pg_advisory_xact_lock(hashtextextended($1, 3))

-- name: lock_returned
-- Payouts that a line returns: the bank's statement may show the same return. The others need no lock. Of them a line's place
-- depends on what never changes (kind, amount, number), on a success, which is final, and on their match, which is unique.
WITH held AS MATERIALIZED (
    SELECT i.id FROM intent i
    WHERE i.channel = $1 AND i.channel_order_no IN (
        SELECT l.original_order_no FROM file_line l
        WHERE l.channel = $1 AND l.settle_date = $2 AND l.adjustment
    )
    ORDER BY i.original IS NOT NULL, i.id FOR UPDATE
)
SELECT count(*) FROM held

-- name: lock_breaks
-- Breaks that a line may end. An approval that begins their cure comes wholly before this file, or behind it.
WITH held AS MATERIALIZED (
    SELECT b.id FROM break b
    WHERE b.channel = $1 AND b.class IN ('missing_there', 'amount_differs') AND b.cleared_at IS NULL AND b.cure IS NULL
    ORDER BY b.id FOR UPDATE
)
SELECT count(*) FROM held

-- name: chunk_end
-- The last of the next lines after $3, at most $4 of them; null behind the last one.
SELECT max(n.line_no) FROM (
    SELECT l.line_no FROM file_line l WHERE l.channel = $1 AND l.settle_date = $2 AND l.line_no > $3
    ORDER BY l.line_no LIMIT $4
) n

-- name: place_lines
-- Places the lines $3 < line_no <= $4 by the table of `placing.py` ($6 to $11), and does what follows, in one pass. What
-- lines before them did is in the rows that this finds. Whether a break is still open is looked at behind the join, so that
-- its unique index serves the join, and no other index is read whole for each line.
WITH line AS NOT MATERIALIZED (
    SELECT
        l.ctid AS row, l.line_no, l.order_no, l.original_order_no, l.channel_ref, l.amount, l.credit, l.unread <> '' AS unread,
        l.adjustment AS adjusts, coalesce(nullif(l.unread, ''), l.note) AS says,
        CASE WHEN l.credit THEN l.amount ELSE -l.amount END AS theirs,
        l.adjustment AND l.credit AND coalesce(l.operation = 'payout', false) AS returns
    FROM file_line l
    WHERE l.channel = $1 AND l.settle_date = $2 AND l.line_no > $3 AND l.line_no <= $4
), corrects AS (
    -- Lines that correct earlier ones, each with the break of that one, and whether it ends it.
    SELECT
        line.line_no, b.id, b.intent,
        b.cleared_at IS NULL AND b.cure IS NULL AND b.difference = -line.theirs
        AND row_number() OVER (PARTITION BY b.id, line.theirs ORDER BY line.line_no) = 1 AS undoes
    FROM line JOIN break b ON b.class = 'amount_differs' AND b.channel = $1 AND b.key = line.channel_ref
    WHERE line.adjusts AND NOT line.returns AND NOT line.unread
), met AS (
    -- Each line with the intent that it names, and with the open break that it may cure. Each looks its intent up: a plan that
    -- reads all intents for each chunk would cost more with every day. Where people's cure of the break has begun, the payment
    -- counts as listed, as it will when the cure is through.
    SELECT
        line.*, i.id, i.kind, i.state,
        coalesce(x.matched_on, CASE WHEN m.cleared_at IS NULL AND m.cure IS NOT NULL THEN m.settle_date END) AS matched_on,
        i.amount AS our_amount, i.arrived_seq, i.channel_ref IS NULL AS no_ref,
        coalesce(i.kind IN ('purchase', 'collection'), false) AS pay_in,
        line.returns AND NOT line.unread AND i.returned_at IS NOT NULL AND i.amount = line.amount
        AND coalesce(i.arrived_seq, '') = '' AS proven,
        d.id AS differs, d.intent AS differs_of, coalesce(d.undoes, false) AS undoes,
        CASE WHEN m.cleared_at IS NULL THEN m.id END AS missing, m.template AS missing_template
    FROM line
    LEFT JOIN LATERAL (
        SELECT o.* FROM intent o
        WHERE o.channel = $1 AND o.channel_order_no = CASE
            WHEN line.unread THEN NULL WHEN line.returns THEN line.original_order_no WHEN NOT line.adjusts THEN line.order_no
        END OFFSET 0
    ) i ON true
    LEFT JOIN LATERAL (SELECT k.matched_on FROM intent_match k WHERE k.intent = i.id OFFSET 0) x ON true
    LEFT JOIN corrects d ON d.line_no = line.line_no
    LEFT JOIN break m ON m.class = 'missing_there' AND m.channel = $1
        AND m.key = CASE WHEN NOT line.adjusts THEN i.channel_order_no END
), still AS (
    -- A payout that a line has returned is no intent any more for the lines after it.
    SELECT
        met.*,
        met.id IS NOT NULL AND coalesce(met.arrived_seq LIKE $2::date::text || '/%', false) IS NOT TRUE
        AND coalesce(bool_or(met.proven) OVER before, false) IS NOT TRUE AS ours
    FROM met
    WINDOW before AS (PARTITION BY met.id ORDER BY met.line_no ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
), fact AS (
    SELECT
        s.*, s.credit = s.pay_in AS agrees, coalesce(s.state = 'SUCCESS', false) AS success,
        s.matched_on IS NOT NULL OR coalesce(bool_or(
            s.ours AND NOT s.adjusts AND s.credit = s.pay_in AND s.state = 'SUCCESS' AND s.matched_on IS NULL
        ) OVER before, false) AS listed
    FROM still s
    WINDOW before AS (PARTITION BY s.id ORDER BY s.line_no ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
), ruled AS (
    SELECT f.*, ($6::int[])[
        1 + f.unread::int + (f.returns::int << 1) + (f.adjusts::int << 2) + (f.undoes::int << 3)
        + (coalesce(f.proven, false)::int << 4) + (f.ours::int << 5) + (f.agrees::int << 6) + (f.success::int << 7)
        + (f.listed::int << 8) + (coalesce(f.our_amount = f.amount, false)::int << 9) + ((f.missing IS NOT NULL)::int << 10)
        + (coalesce(f.missing_template <> '', false)::int << 11) + (coalesce(f.kind = 'payout', false)::int << 12)
    ] AS n
    FROM fact f
), placed AS MATERIALIZED (
    SELECT
        r.*, ($7::text[])[r.n] AS status, ($8::text[])[r.n] AS opens, ($10::text[])[r.n] AS cure,
        CASE ($7::text[])[r.n] WHEN 'break' THEN NULL WHEN 'adjusted' THEN r.differs_of ELSE r.id END AS proves
    FROM ruled r
), lines AS (
    UPDATE file_line f SET status = p.status, intent = p.proves FROM placed p WHERE f.ctid = p.row AND p.status <> 'matched'
), matched AS (
    INSERT INTO intent_match (intent, matched_on, line_no)
    SELECT p.proves, $2, p.line_no FROM placed p WHERE p.status IN ('matched', 'late')
), named AS (
    UPDATE intent i SET channel_ref = p.channel_ref, updated_at = $5
    FROM placed p
    WHERE i.id = p.proves AND p.status IN ('matched', 'late') AND p.no_ref AND p.channel_ref <> '' AND i.channel_ref IS NULL
), cured AS (
    UPDATE break b SET cure = p.cure, cured_on = $2
    FROM placed p
    WHERE b.id = CASE WHEN p.cure = '' THEN NULL WHEN p.adjusts THEN p.differs ELSE p.missing END AND b.cure IS NULL
), found AS (
    SELECT
        p.*, CASE WHEN p.opens = 'amount_differs' THEN p.pay_in::int * 2 - 1 END * p.our_amount AS ours_fen,
        CASE WHEN p.opens <> 'unread' THEN p.theirs END AS theirs_fen,
        replace(replace(replace(replace(
            ($11::text[])[p.n], '{kind}', coalesce(p.kind, '')), '{state}', coalesce(p.state, '')),
        '{listed_on}', coalesce(p.matched_on, $2)::text), '{says}', p.says) AS note
    FROM placed p
    WHERE p.opens <> ''
)
INSERT INTO break (
    id, class, channel, settle_date, key, intent, ours, theirs, difference, note, template, voucher, opened_at, cure_voucher
)
SELECT
    id_of($5), f.opens, $1, $2,
    CASE WHEN f.opens = 'amount_differs' THEN f.channel_ref ELSE concat_ws('/', f.channel_ref, $2::date::text, f.line_no) END,
    CASE WHEN f.ours THEN f.id END, f.ours_fen, f.theirs_fen, coalesce(f.theirs_fen, 0) - coalesce(f.ours_fen, 0), f.note,
    split_part(
        ($9::text[])[f.n], '|', CASE WHEN coalesce(f.theirs_fen, 0) - coalesce(f.ours_fen, 0) > 0 THEN 1 ELSE 2 END
    ),
    id_of($5), $5, id_of($5)
FROM found f
ORDER BY f.line_no

-- name: returned_lines
-- The lines $3 < line_no <= $4 that returned a payout: with its line its money is booked. It counts as listed, too.
WITH back AS (
    SELECT l.intent, l.line_no FROM file_line l
    WHERE l.channel = $1 AND l.settle_date = $2 AND l.line_no > $3 AND l.line_no <= $4 AND l.adjustment AND l.status = 'returned'
), listed AS (
    INSERT INTO intent_match (intent, matched_on, line_no) SELECT b.intent, $2, b.line_no FROM back b ON CONFLICT DO NOTHING
)
UPDATE intent i SET arrived_seq = $2::date::text || '/' || b.line_no FROM back b WHERE i.id = b.intent

-- name: place_unlisted
-- What is proven for this date, or for an earlier date whose file was placed before the proof, and stands in no file. It
-- opens a break, unless it is a void or was voided: the channel lists no voided pair, and the void's row handles both. If
-- the payment had become a break before its void was proven, that break is cured.
WITH due AS (
    -- All of the date, and of a date before whose file was placed before that date had ended; what was proven late; and what
    -- a version of the file has no more.
    SELECT i.id FROM channel_file f
    JOIN intent i ON i.channel = $1 AND i.state = 'SUCCESS' AND coalesce(i.settle_date, i.business_date) = f.settle_date
    WHERE f.channel = $1 AND (
        f.settle_date = $2
        OR f.settle_date < $2 AND (f.placed_at - interval '1 hour') AT TIME ZONE 'Asia/Shanghai' < f.settle_date + 1
    )
    UNION ALL
    SELECT i.id FROM intent i
    WHERE i.channel = $1 AND i.state = 'SUCCESS'
        AND (i.decided_at AT TIME ZONE 'Asia/Shanghai')::date > coalesce(i.settle_date, i.business_date)
    UNION ALL
    SELECT d.intent FROM file_version v JOIN file_difference d ON d.version = v.id AND d.what = 'gone'
    WHERE v.channel = $1 AND v.settle_date = $2
), unlisted AS MATERIALIZED (
    SELECT
        i.id, i.kind, i.original, i.amount, i.channel_order_no, i.voided AND NOT p.listed AS gone,
        i.kind = 'void' AND NOT p.listed AS pair, i.kind IN ('purchase', 'collection') AS pay_in
    FROM intent i CROSS JOIN LATERAL (SELECT EXISTS (
        SELECT FROM intent o JOIN intent_match l ON l.intent = o.id AND l.line_no IS NOT NULL
        WHERE o.id = i.original OR o.original = i.id AND o.kind = 'void'
    ) AS listed) p
    WHERE i.id = ANY(ARRAY(
            SELECT d.id FROM due d WHERE NOT EXISTS (SELECT FROM intent_match m WHERE m.intent = d.id)
        ))
        AND i.channel = $1 AND i.state = 'SUCCESS' AND coalesce(i.settle_date, i.business_date) <= $2
        AND EXISTS (
            SELECT FROM channel_file f
            WHERE f.channel = $1 AND f.settle_date = coalesce(i.settle_date, i.business_date)
                AND (f.settle_date = $2 OR f.placed_at IS NOT NULL)
        )
        AND NOT EXISTS (
            SELECT FROM break b WHERE b.class = 'missing_there' AND b.channel = $1 AND b.key = i.channel_order_no
        )
    ORDER BY i.original IS NOT NULL, i.id FOR UPDATE OF i
), matched AS (
    INSERT INTO intent_match (intent, matched_on)
    SELECT u.id, $2::date FROM unlisted u WHERE u.pair UNION SELECT u.original, $2 FROM unlisted u WHERE u.pair
    ON CONFLICT DO NOTHING
), cured AS (
    UPDATE break b SET cure = 'mirror', cured_on = $2
    FROM unlisted u
    WHERE u.pair AND b.intent = u.original AND b.class = 'missing_there' AND b.cure IS NULL
)
INSERT INTO break (
    id, class, channel, settle_date, key, intent, ours, difference, note, template, voucher, opened_at, cure_voucher
)
SELECT
    id_of($3), 'missing_there', $1, $2, u.channel_order_no, u.id, CASE WHEN u.pay_in THEN u.amount ELSE -u.amount END,
    CASE WHEN u.pay_in THEN -u.amount ELSE u.amount END, '', CASE WHEN u.pay_in THEN 'B4' ELSE '' END, id_of($3), $3, id_of($3)
FROM unlisted u
WHERE NOT u.pair AND NOT u.gone
ON CONFLICT DO NOTHING
