-- name: lock
SELECT * FROM break WHERE id = $1 FOR UPDATE

-- name: works_here
SELECT EXISTS (SELECT FROM operator WHERE name = $1 AND disabled_at IS NULL)

-- name: give
UPDATE break SET owner = $2 WHERE id = $1

-- name: count_papers
SELECT count(*) FROM break_paper WHERE break = $1

-- name: add_paper
INSERT INTO break_paper (id, break, name, media, bytes, digest, added_by, added_at)
VALUES ($1, $2, $3, $4, $5, sha256($5), $6, $7)
RETURNING digest

-- name: papers
SELECT id, name, media, length(bytes) AS size, digest, added_by, added_at
FROM break_paper WHERE break = $1 ORDER BY id

-- name: paper
SELECT name, media, bytes FROM break_paper WHERE break = $1 AND id = $2

-- name: aging
-- By account and bucket of age, 0 the youngest. What a cure has taken out, and waits for its proof, is in transit.
SELECT t.code, (SELECT count(*) FROM unnest($3::timestamptz[]) AS edge WHERE b.opened_at <= edge)::int AS bucket,
    count(*)::int AS items, sum(abs(b.difference))::bigint AS fen
FROM break b
JOIN unnest($1::text[], $2::int[]) AS t (template, code) ON t.template = b.template
WHERE b.cleared_at IS NULL AND b.cure IS NULL
GROUP BY t.code, bucket
