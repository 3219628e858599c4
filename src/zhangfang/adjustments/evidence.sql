-- name: add
INSERT INTO evidence_file (digest, name, media, content, stored_by, stored_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING

-- name: get
SELECT digest, name, media, content, length(content) AS size FROM evidence_file WHERE digest = $1

-- name: known
SELECT digest, name, length(content) AS size FROM evidence_file WHERE digest = ANY($1::bytea[])
