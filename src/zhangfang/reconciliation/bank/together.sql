-- name: rules
-- All rules, those in force first, with how many files each has matched and when the last.
SELECT r.*, m.files, m.last_at FROM match_rule r CROSS JOIN LATERAL (
    SELECT count(*)::int AS files, max(b.matched_at) AS last_at FROM bank_match b WHERE b.rule = r.id
) m
WHERE $1 OR r.ended_at IS NULL
ORDER BY r.ended_at IS NOT NULL, r.account, r.says, r.version DESC, r.made_at LIMIT $2

-- name: rules_of
SELECT * FROM match_rule WHERE account = $1 AND ended_at IS NULL ORDER BY made_at, id

-- name: in_force
SELECT id FROM match_rule WHERE id = $1 AND ended_at IS NULL

-- name: add
INSERT INTO match_rule (
    id, account, channels, says, days, lines, apart, same_text, made_at, made_by, replaces, version
) VALUES (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, coalesce((SELECT r.version + 1 FROM match_rule r WHERE r.id = $11), 1)
)

-- name: end
UPDATE match_rule SET ended_at = $2, ended_by = $3 WHERE id = $1

-- name: open_files
-- Files that are matched, whose money has not arrived, and that no line pays yet.
SELECT f.* FROM channel_file f
WHERE f.channel = ANY($1::text[]) AND f.settle_date BETWEEN $2 AND $3 AND f.matched_at IS NOT NULL
    AND f.arrived_at IS NULL AND f.net_fen <> 0
    AND NOT EXISTS (SELECT FROM bank_match m WHERE m.channel = f.channel AND m.settle_date = f.settle_date)
ORDER BY f.settle_date, f.channel LIMIT $4

-- name: unmatched
-- Whether a date before the line's own has no matched file yet.
SELECT EXISTS (
    SELECT FROM unnest($1::text[]) c, generate_series($2::date, $3::date - 1, interval '1 day') d
    WHERE NOT EXISTS (
        SELECT FROM channel_file f
        WHERE f.channel = c AND f.settle_date = d::date AND f.matched_at IS NOT NULL
    )
)

-- name: paid_by
SELECT f.* FROM bank_match m JOIN channel_file f ON f.channel = m.channel AND f.settle_date = m.settle_date
WHERE m.account = $1 AND m.sequence = $2 ORDER BY f.settle_date, f.channel

-- name: pay
INSERT INTO bank_match (channel, settle_date, account, sequence, rule, matched_at)
SELECT f.channel, f.day, $3, $4, $5, $6 FROM unnest($1::text[], $2::date[]) AS f (channel, day)

-- name: lines_behind
-- Lines behind one ($2 to $4 are its place in the bank's order) that nothing has booked yet, of the same direction.
SELECT * FROM bank_line
WHERE account = $1 AND posted_at IS NULL AND (booked_at, length(sequence), sequence) > ($2, $3::int, $4)
    AND business_date <= $5 AND credit = $6 AND NOT reversal
ORDER BY booked_at, length(sequence), sequence LIMIT $7

-- name: go_with
-- Which lines pay files together with a first one, stored before they are booked.
INSERT INTO bank_match_further (account, first, sequence, matched_at)
SELECT $1, $2, l.sequence, $4 FROM unnest($3::text[]) AS l (sequence)

-- name: lines_with
SELECT l.* FROM bank_match_further m JOIN bank_line l ON l.account = m.account AND l.sequence = m.sequence
WHERE m.account = $1 AND m.first = $2 ORDER BY l.booked_at, length(l.sequence), l.sequence
