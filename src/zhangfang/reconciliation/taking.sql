-- name: digest
SELECT digest, name FROM channel_file WHERE channel = $1 AND settle_date = $2
