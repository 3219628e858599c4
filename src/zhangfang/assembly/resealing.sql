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
