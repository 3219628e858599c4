-- name: listed
SELECT
    id, class AS cls, channel, settle_date, key, difference, opened_at, cleared_at, owner, proposed_cure, cure,
    (count(*) OVER ())::int AS all_count, (sum(abs(difference)) OVER ())::bigint AS all_fen
FROM (
    SELECT * FROM break WHERE cleared_at IS NULL
    UNION ALL
    (SELECT * FROM break WHERE $1 AND cleared_at IS NOT NULL ORDER BY id DESC LIMIT $6)
) b
WHERE ($2::text IS NULL OR class = $2) AND ($3::text IS NULL OR channel = $3)
    AND ($4::text IS NULL OR coalesce(owner, '') = $4) AND ($5::timestamptz IS NULL OR opened_at <= $5)
ORDER BY cleared_at IS NOT NULL, opened_at, id
LIMIT $6

-- name: choices
SELECT
    coalesce(array_agg(DISTINCT channel ORDER BY channel), '{}') AS channels,
    coalesce(array_agg(DISTINCT owner ORDER BY owner) FILTER (WHERE owner IS NOT NULL), '{}') AS owners
FROM break WHERE cleared_at IS NULL

-- name: accounts
SELECT id, code, subject FROM account WHERE id = ANY($1::uuid[])
