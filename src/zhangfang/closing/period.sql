-- name: get
SELECT * FROM books_request WHERE id = $1

-- name: outdated
-- A proposal from before proposals had ids: it was never approved, and ends with the one that is.
UPDATE books_request SET result = 'withdrawn', ended_at = $2
WHERE what = 'reopen' AND business_date = $1 AND ended_at IS NULL AND approved_by IS NULL

-- name: begin_by_two
INSERT INTO books_request (id, business_date, asked_by, reason, asked_at, approved_by, approved_at, what)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: ended
UPDATE books_request SET seq = $2, result = $3, ended_at = $4 WHERE id = $1 AND ended_at IS NULL

-- name: listed
SELECT * FROM books_request ORDER BY ended_at IS NOT NULL, id DESC LIMIT $1
