-- name: first
SELECT ROW({key}) AS key, {column} AS token, ARRAY[{purposes}] AS purposes
FROM {table} ORDER BY {key} LIMIT $1

-- name: next
SELECT ROW({key}) AS key, {column} AS token, ARRAY[{purposes}] AS purposes
FROM {table} WHERE ({key}) > ({places}) ORDER BY {key} LIMIT $1

-- name: replace
UPDATE {table} SET {column} = $2 WHERE {column} = $1 AND ({key}) = ({places})

-- name: versions
SELECT split_part({column}, '.', 2)::int AS version, count(*) AS tokens
FROM {table} WHERE {column} <> '' GROUP BY 1

-- name: proposed
SELECT split_part(token[1], '.', 2)::int AS version, count(*) AS tokens
FROM proposal_standing, regexp_matches(content, 'vt1\.[0-9]+\.[A-Za-z0-9_-]+', 'g') AS token
WHERE decision IS NULL OR decision = 'approve' AND done_at IS NULL GROUP BY 1
