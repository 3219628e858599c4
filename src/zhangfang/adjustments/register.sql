-- name: add
INSERT INTO register_entry (id, kind, reference, merchant, payment, amount, due_on, note, files, opened_by, opened_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)

-- name: taken
SELECT EXISTS (SELECT FROM register_entry WHERE kind = $1 AND reference = $2)

-- name: lock
SELECT * FROM register_entry WHERE id = $1 FOR UPDATE

-- name: get
SELECT * FROM register_entry WHERE id = $1

-- name: listed
SELECT * FROM register_entry
WHERE ($1 OR closed_at IS NULL) AND ($2::text IS NULL OR kind = $2)
ORDER BY closed_at IS NOT NULL, due_on NULLS LAST, id DESC LIMIT $3

-- name: close
UPDATE register_entry SET outcome = $2, closed_by = $3, closed_at = $4 WHERE id = $1 AND closed_at IS NULL

-- name: payment
SELECT merchant, channel, kind, state, amount FROM intent WHERE id = $1
