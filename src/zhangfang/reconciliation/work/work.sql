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
