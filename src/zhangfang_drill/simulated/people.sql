-- name: unknown
SELECT * FROM intent WHERE state IN ('UNKNOWN', 'MANUAL') ORDER BY id
