-- name: file
SELECT name, digest, lines, pay_in_fen, refund_fen, fee_fen, net_fen, matched_at, arrived_at, arrived_seq
FROM channel_file WHERE channel = $1 AND settle_date = $2

-- name: lines
SELECT line_no, status, operation, CASE WHEN credit THEN amount ELSE -amount END AS fen, fee, order_no, channel_ref, intent
FROM placed_line WHERE channel = $1 AND settle_date = $2 AND status <> 'gone' ORDER BY line_no

-- name: matched
SELECT count(*)::int FROM file_line WHERE channel = $1 AND settle_date = $2 AND status = 'matched'

-- name: breaks
SELECT class, key, ours, theirs, difference, cure, cleared_at IS NULL AS open
FROM break WHERE settle_date = $2 AND channel = $1 ORDER BY class, key

-- name: ours
-- What our own payments say that the file has to hold: those that it lists, and those of its date that it does not list.
SELECT
    count(*)::int AS count,
    coalesce(sum(i.amount) FILTER (WHERE i.kind IN ('purchase', 'collection')), 0)::bigint AS pay_in,
    coalesce(sum(i.amount) FILTER (WHERE i.kind IN ('refund', 'void')), 0)::bigint AS refund
FROM (
    SELECT d.id FROM intent d WHERE d.settle_date = $2
    UNION
    SELECT l.intent FROM placed_line l WHERE l.channel = $1 AND l.settle_date = $2 AND l.intent IS NOT NULL
) one JOIN intent i ON i.id = one.id
LEFT JOIN intent_match m ON m.intent = i.id
WHERE i.channel = $1 AND i.state = 'SUCCESS' AND i.kind <> 'payout'
    AND NOT (i.kind = 'void' OR i.voided) -- a pair that its channel leaves out of the file
    AND (i.settle_date = $2 AND m.matched_on IS NULL OR m.matched_on = $2)

-- name: newest
SELECT * FROM certificate WHERE channel = $1 AND settle_date = $2 ORDER BY version DESC LIMIT 1

-- name: versions
SELECT * FROM certificate WHERE channel = $1 AND settle_date = $2 ORDER BY version DESC

-- name: of_day
-- The newest version of each channel.
SELECT DISTINCT ON (channel) * FROM certificate
WHERE settle_date = $1 AND channel = ANY($2::text[]) ORDER BY channel, version DESC

-- name: issue
INSERT INTO certificate (channel, settle_date, version, number, content, hash, file_digest, issued_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT DO NOTHING

-- name: due
-- Closed days whose file has no certificate, is another one than its newest certificate says or was corrected since, or whose
-- money or breaks came or ended since ($1 at the earliest).
SELECT f.channel, f.settle_date FROM channel_file f
JOIN task t ON t.kind = 'close' AND t.key = f.settle_date::text AND t.done_at IS NOT NULL
LEFT JOIN LATERAL (
    SELECT c.issued_at, c.file_digest FROM certificate c
    WHERE c.channel = f.channel AND c.settle_date = f.settle_date ORDER BY c.version DESC LIMIT 1
) n ON true
WHERE f.matched_at IS NOT NULL AND (
    n.issued_at IS NULL OR n.file_digest <> f.digest OR f.arrived_at >= n.issued_at
    OR EXISTS (
        SELECT FROM file_version v
        WHERE v.channel = f.channel AND v.settle_date = f.settle_date AND v.applied_at >= $1
    )
    OR (f.channel, f.settle_date) IN (
        SELECT channel, settle_date FROM break WHERE cleared_at >= $1
        UNION ALL
        SELECT channel, settle_date FROM break WHERE cleared_at IS NULL AND opened_at >= $1
    )
)
ORDER BY f.settle_date, f.channel
