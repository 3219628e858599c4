-- name: save
-- Of at most $5 of one person.
INSERT INTO column_map_draft (saved_by, name, typed, saved_at)
SELECT $1, $2, $3, $4 WHERE (SELECT count(*) FROM column_map_draft WHERE saved_by = $1 AND name <> $2) < $5::int
ON CONFLICT (saved_by, name) DO UPDATE SET typed = $3, saved_at = $4
RETURNING name

-- name: listed
SELECT name, saved_at FROM column_map_draft WHERE saved_by = $1 ORDER BY saved_at DESC

-- name: get
SELECT typed FROM column_map_draft WHERE saved_by = $1 AND name = $2

-- name: forget
DELETE FROM column_map_draft WHERE saved_by = $1 AND name = $2
