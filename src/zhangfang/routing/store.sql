-- name: standing
-- The live set and its tables; where there is a canary, its share and the set that it makes with the live other table.
WITH live AS (
    SELECT
        coalesce(max(version) FILTER (WHERE kind = 'routes'), 0) AS routes,
        coalesce(max(version) FILTER (WHERE kind = 'account_types'), 0) AS account_types
    FROM table_release WHERE state = 'live'
), canary AS (
    SELECT
        c.share,
        CASE c.kind WHEN 'routes' THEN c.version ELSE l.routes END AS routes,
        CASE c.kind WHEN 'account_types' THEN c.version ELSE l.account_types END AS account_types
    FROM table_release c, live l WHERE c.state = 'canary'
)
SELECT s.version AS live, t.version AS canary, coalesce(c.share, 0) AS share
FROM live l
JOIN table_set s USING (routes, account_types)
LEFT JOIN canary c ON true
LEFT JOIN table_set t ON t.routes = c.routes AND t.account_types = c.account_types

-- name: table_set
SELECT s.version, s.routes, s.account_types, r.rows AS route_rows, a.rows AS type_rows
FROM table_set s
LEFT JOIN table_release r ON r.version = s.routes
LEFT JOIN table_release a ON a.version = s.account_types
WHERE s.version = $1

-- name: mint
-- Give a number to the sets that decide from now on, where they have none.
WITH live AS (
    SELECT
        coalesce(max(version) FILTER (WHERE kind = 'routes'), 0) AS routes,
        coalesce(max(version) FILTER (WHERE kind = 'account_types'), 0) AS account_types
    FROM table_release WHERE state = 'live'
), needed AS (
    SELECT routes, account_types FROM live
    UNION
    SELECT
        CASE c.kind WHEN 'routes' THEN c.version ELSE l.routes END,
        CASE c.kind WHEN 'account_types' THEN c.version ELSE l.account_types END
    FROM table_release c, live l WHERE c.state = 'canary'
)
INSERT INTO table_set (routes, account_types)
SELECT n.routes, n.account_types FROM needed n
WHERE NOT EXISTS (
    SELECT FROM table_set s WHERE s.routes = n.routes AND s.account_types = n.account_types
)

-- name: breakers
SELECT channel, operation, opened_at FROM channel_breaker WHERE opened_at IS NOT NULL

-- name: rates
SELECT channel, operation, sum(good)::int AS good, sum(bad)::int AS bad
FROM channel_minute WHERE minute > $1 GROUP BY channel, operation

-- name: claim_probe
-- One of the few that may try an operation whose breaker is half open; no row: they are all out.
UPDATE channel_breaker SET
    probes = CASE WHEN probed_at > $3 THEN probes + 1 ELSE 1 END,
    probed_at = CASE WHEN probed_at > $3 THEN probed_at ELSE $4 END
WHERE
    channel = $1 AND operation = $2 AND opened_at <= $3
    AND (probed_at IS NULL OR probed_at <= $3 OR probes < $5)
RETURNING probes

-- name: know_breakers
INSERT INTO channel_breaker (channel, operation)
SELECT channel, operation FROM unnest($1::text[], $2::text[]) AS n (channel, operation)
ORDER BY channel, operation
ON CONFLICT DO NOTHING

-- name: lock_breakers
SELECT channel, operation, opened_at FROM channel_breaker
WHERE (channel, operation) IN (SELECT * FROM unnest($1::text[], $2::text[]))
ORDER BY channel, operation FOR UPDATE

-- name: count
INSERT INTO channel_minute (channel, operation, minute, good, bad)
SELECT channel, operation, $5, good, bad
FROM unnest($1::text[], $2::text[], $3::int[], $4::int[]) AS n (channel, operation, good, bad)
ON CONFLICT (channel, operation, minute) DO UPDATE SET
    good = channel_minute.good + excluded.good, bad = channel_minute.bad + excluded.bad

-- name: set_breaker
UPDATE channel_breaker SET opened_at = $3, probes = 0, probed_at = NULL WHERE channel = $1 AND operation = $2

-- name: forget_counts
DELETE FROM channel_minute WHERE channel = $1 AND operation = $2

-- name: forget_old
DELETE FROM channel_minute
WHERE (channel, operation) IN (SELECT * FROM unnest($1::text[], $2::text[])) AND minute < $3

-- name: count_unknown
INSERT INTO account_type_unknown (operation, account_type, asked, first_at, last_at)
VALUES ($1, $2, $3, $4, $4)
ON CONFLICT (operation, account_type) DO UPDATE SET
    asked = account_type_unknown.asked + excluded.asked, last_at = excluded.last_at

-- name: unknown_types
SELECT operation, account_type, asked, first_at, last_at FROM account_type_unknown
WHERE last_at >= $1 ORDER BY last_at DESC, operation, account_type
