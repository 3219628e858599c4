-- name: listed
SELECT
    id, class AS cls, channel, settle_date, key, difference, opened_at, cleared_at, owner, proposed_cure, cure,
    (count(*) OVER ())::int AS all_count, (sum(abs(difference)) OVER ())::bigint AS all_fen
FROM (
    SELECT * FROM break WHERE cleared_at IS NULL
    UNION ALL
    (SELECT * FROM break WHERE $1 AND cleared_at IS NOT NULL ORDER BY id DESC LIMIT $8)
) b
WHERE ($2::text IS NULL OR class = $2) AND ($3::text IS NULL OR channel = $3)
    AND ($4::text IS NULL OR coalesce(owner, '') = $4) AND ($5::timestamptz IS NULL OR opened_at <= $5)
    AND ($6::timestamptz IS NULL OR opened_at > $6)
    AND ($7::text[] IS NULL OR template = ANY($7) AND (cure IS NULL OR cleared_at IS NOT NULL))
ORDER BY cleared_at IS NOT NULL, opened_at, id
LIMIT $8

-- name: choices
SELECT
    coalesce(array_agg(DISTINCT channel ORDER BY channel), '{}') AS channels,
    coalesce(array_agg(DISTINCT owner ORDER BY owner) FILTER (WHERE owner IS NOT NULL), '{}') AS owners
FROM break WHERE cleared_at IS NULL

-- name: accounts
SELECT id, code, subject FROM account WHERE id = ANY($1::uuid[])

-- name: kinds
SELECT DISTINCT b.class, b.template, i.kind, CASE WHEN b.intent IS NOT NULL THEN '00000000-0000-0000-0000-000000000000'::uuid END AS intent
FROM break b LEFT JOIN intent i ON i.id = b.intent
WHERE b.id = ANY($1::uuid[])
ORDER BY b.class, b.template
