-- name: shards
SELECT shard FROM head ORDER BY shard

-- name: not_closed
-- The first business date up to $1 whose day-end the timetable has planned and not done.
SELECT key, note FROM task WHERE kind = 'close' AND key <= $1 AND done_at IS NULL ORDER BY key LIMIT 1

-- name: begin
INSERT INTO books_roll (shard, seq) VALUES ($1, 0) ON CONFLICT DO NOTHING

-- name: lock
SELECT seq FROM books_roll WHERE shard = $1 FOR UPDATE

-- name: target
-- A roll ends where the account pages end, so that no page is cut; if there are no pages yet, at the last entry.
SELECT CASE WHEN coalesce(c.paged, 0) > 0 THEN greatest(c.paged, $2) ELSE h.seq END
FROM head h LEFT JOIN ledger_checkpoint c ON c.shard = h.shard
WHERE h.shard = $1

-- name: count
-- Reads the entries since the last roll and, for each of their accounts, the rolled dates from their oldest date on.
WITH moved AS MATERIALIZED (
    SELECT account, business_date, debits, credits FROM books_moved($1, $2, $3)
), touched AS (
    SELECT account, min(business_date) AS since FROM moved GROUP BY account
), dates AS (
    SELECT account, business_date, sum(debits) AS debits, sum(credits) AS credits
    FROM (
        SELECT account, business_date, debits, credits FROM moved
        UNION ALL
        SELECT d.account, d.business_date, d.debits, d.credits
        FROM touched t CROSS JOIN LATERAL ( -- OFFSET 0 forces the index: the dates since are few
            SELECT * FROM books_date WHERE shard = $1 AND account = t.account AND business_date >= t.since OFFSET 0
        ) d
    ) AS one
    GROUP BY account, business_date
)
INSERT INTO books_date AS held (shard, account, business_date, debits, credits, debits_through, credits_through)
SELECT
    $1, d.account, d.business_date, d.debits, d.credits,
    coalesce(b.debits_through, 0) + sum(d.debits) OVER so_far,
    coalesce(b.credits_through, 0) + sum(d.credits) OVER so_far
FROM dates d
JOIN touched t ON t.account = d.account
LEFT JOIN LATERAL (
    SELECT e.debits_through, e.credits_through FROM books_date e
    WHERE e.shard = $1 AND e.account = d.account AND e.business_date < t.since
    ORDER BY e.business_date DESC LIMIT 1
) b ON true
WINDOW so_far AS (PARTITION BY d.account ORDER BY d.business_date)
ON CONFLICT (shard, account, business_date) DO UPDATE SET
    debits = excluded.debits, credits = excluded.credits,
    debits_through = excluded.debits_through, credits_through = excluded.credits_through

-- name: move
UPDATE books_roll SET seq = $2 WHERE shard = $1

-- name: add_day
INSERT INTO books_day (shard, business_date, seq, rolled_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (shard, business_date) DO NOTHING

-- name: standing
-- The slowest shard decides: if one shard has no roll or no closed date, the result is NULL.
SELECT
    (SELECT CASE WHEN bool_and(d.day IS NOT NULL) THEN min(d.day) END FROM (
        SELECT (SELECT max(r.business_date) FROM books_day r WHERE r.shard = h.shard) AS day FROM head h
    ) AS d) AS rolled_through,
    (SELECT CASE WHEN bool_and(h.closed_through IS NOT NULL) THEN min(h.closed_through) END FROM head h) AS closed_through,
    coalesce((SELECT sum(b.seq) FROM books_roll b), 0)::bigint AS rolled_seq,
    coalesce((SELECT sum(h.seq) FROM head h), 0)::bigint AS ledger_seq
