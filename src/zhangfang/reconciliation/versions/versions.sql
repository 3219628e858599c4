-- name: add
INSERT INTO file_version (id, channel, settle_date, number, name, digest, replaces, offered_at, vouchers)
SELECT $1, $2, $3, coalesce(max(v.number), 1) + 1, $4, $5, $6, $7, $8
FROM file_version v WHERE v.channel = $2 AND v.settle_date = $3

-- name: compare
-- What one version has and the other has not, each line as often as it stands there. The text of a row and its number say
-- nothing, but for a row that nobody could read.
WITH line AS (
    SELECT
        'gone' AS what, l.line_no, l.status, l.intent, md5(json_build_array(
            l.order_no, l.channel_ref, l.operation, l.amount, l.credit, l.fee, l.adjustment, l.original_order_no, l.note, l.unread,
            CASE WHEN l.unread <> '' THEN l.raw END
        )::text) AS says
    FROM placed_line l WHERE l.channel = $2 AND l.settle_date = $3 AND l.status <> 'gone'
    UNION ALL
    SELECT
        'added', n.line_no, '', NULL, md5(json_build_array(
            n.order_no, n.channel_ref, n.operation, n.amount, n.credit, n.fee, n.adjustment, n.original_order_no, n.note, n.unread,
            CASE WHEN n.unread <> '' THEN n.raw END
        )::text)
    FROM file_version_line n WHERE n.version = $1
), numbered AS (
    SELECT line.*, row_number() OVER (PARTITION BY line.what, line.says ORDER BY line.line_no) AS nth FROM line
)
INSERT INTO file_difference (version, what, line_no, status, intent)
SELECT $1, min(d.what), min(d.line_no), min(d.status), (array_agg(d.intent))[1]
FROM numbered d GROUP BY d.says, d.nth HAVING count(*) = 1

-- name: counts
SELECT
    count(*) FILTER (WHERE d.what = 'added')::int AS added, count(*) FILTER (WHERE d.what = 'gone')::int AS gone,
    coalesce(sum(CASE WHEN n.credit THEN n.amount ELSE -n.amount END - n.fee), 0)::bigint AS added_fen,
    coalesce(sum(CASE WHEN l.credit THEN l.amount ELSE -l.amount END - l.fee), 0)::bigint AS gone_fen
FROM file_difference d
LEFT JOIN file_version_line n ON d.what = 'added' AND n.version = d.version AND n.line_no = d.line_no
LEFT JOIN file_line l ON d.what = 'gone' AND l.channel = $2 AND l.settle_date = $3 AND l.line_no = d.line_no
WHERE d.version = $1

-- name: listed
-- The differences with their lines, side by side as people see them: a changed line is one gone and one added.
SELECT
    d.what, d.line_no, d.status, coalesce(n.order_no, l.order_no) AS order_no, coalesce(n.channel_ref, l.channel_ref) AS channel_ref,
    coalesce(n.amount, l.amount) AS amount, coalesce(n.credit, l.credit) AS credit, coalesce(n.fee, l.fee) AS fee
FROM file_difference d JOIN file_version v ON v.id = d.version
LEFT JOIN file_version_line n ON d.what = 'added' AND n.version = d.version AND n.line_no = d.line_no
LEFT JOIN file_line l
    ON d.what = 'gone' AND l.channel = v.channel AND l.settle_date = v.settle_date AND l.line_no = d.line_no
WHERE d.version = $1
ORDER BY channel_ref, order_no, d.what DESC, d.line_no LIMIT $2

-- name: get
SELECT * FROM file_version WHERE id = $1

-- name: unfinished
SELECT number FROM file_version
WHERE channel = $1 AND settle_date = $2 AND before IS NOT NULL AND applied_at IS NULL

-- name: cannot_go
-- Gone lines whose effects cannot be undone: they have ended a break of another file, or their own break has a cure.
SELECT d.line_no, d.status, b.class, b.cure
FROM file_difference d
JOIN file_line l ON l.channel = $2 AND l.settle_date = $3 AND l.line_no = d.line_no
LEFT JOIN break b ON b.channel = $2 AND (
    d.status = 'break' AND b.key = concat_ws('/', l.channel_ref, $3::date::text, l.line_no)
    OR d.status = 'matched' AND b.class = 'amount_differs' AND b.key = l.channel_ref
)
WHERE d.version = $1 AND d.what = 'gone' AND (d.status NOT IN ('matched', 'break') OR b.cure IS NOT NULL)
ORDER BY d.line_no LIMIT 1

-- name: undo_breaks
-- The breaks of gone lines end with their vouchers mirrored. Their keys become free for what the new version opens.
UPDATE break b SET cure = 'mirror', cured_on = $3, key = b.key || ' of ' || l.line_no || ' before version ' || $4::int
FROM file_difference d JOIN file_line l ON l.channel = $2 AND l.settle_date = $3 AND l.line_no = d.line_no
WHERE d.version = $1 AND d.what = 'gone' AND b.channel = $2 AND b.cure IS NULL AND (
    d.status = 'break' AND b.key = concat_ws('/', l.channel_ref, $3::date::text, l.line_no)
    OR d.status = 'matched' AND b.class = 'amount_differs' AND b.key = l.channel_ref
)

-- name: unmatch
DELETE FROM intent_match m USING file_difference d
WHERE d.version = $1 AND d.what = 'gone' AND d.status = 'matched' AND m.intent = d.intent

-- name: mark_gone
UPDATE file_line l SET status = 'gone', intent = NULL
FROM file_difference d
WHERE d.version = $1 AND d.what = 'gone' AND l.channel = $2 AND l.settle_date = $3 AND l.line_no = d.line_no

-- name: last_line
SELECT coalesce(max(line_no), 0)::int FROM file_line WHERE channel = $1 AND settle_date = $2

-- name: add_lines
INSERT INTO file_line (
    channel, settle_date, line_no, order_no, channel_ref, operation, amount, credit, fee, adjustment, original_order_no, note,
    raw, unread, status
)
SELECT
    $2, $3, $4::int + row_number() OVER (ORDER BY n.line_no), n.order_no, n.channel_ref, n.operation, n.amount, n.credit, n.fee,
    n.adjustment, n.original_order_no, n.note, n.raw, n.unread, 'matched'
FROM file_difference d JOIN file_version_line n ON n.version = d.version AND n.line_no = d.line_no
WHERE d.version = $1 AND d.what = 'added'

-- name: put_in_force
UPDATE channel_file SET name = $3, digest = $4 WHERE channel = $1 AND settle_date = $2

-- name: begun
UPDATE file_version SET before = $2, arrived = $3, base = $4 WHERE id = $1

-- name: placed
UPDATE file_version SET placed_at = $2 WHERE id = $1

-- name: applied
UPDATE file_version SET applied_at = coalesce(applied_at, $2) WHERE id = $1
