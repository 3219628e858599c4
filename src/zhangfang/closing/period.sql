-- name: in_the_way
-- What is not finished for the business dates up to $1.
SELECT
    (
        SELECT count(*) FROM intent
        WHERE state IN ('CREATED', 'PARKED', 'REDIRECTED', 'SENDING', 'ACCEPTED', 'UNKNOWN', 'MANUAL')
            AND business_date <= $1
    )::int AS intents,
    (SELECT count(*) FROM head h WHERE NOT EXISTS (
        SELECT FROM books_day d WHERE d.shard = h.shard AND d.business_date = $1
    ))::int AS unrolled

-- name: begin
INSERT INTO books_request (id, what, business_date, asked_by, reason, asked_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (what, business_date) WHERE ended_at IS NULL DO NOTHING

-- name: open
SELECT * FROM books_request WHERE what = $1 AND business_date = $2 AND ended_at IS NULL

-- name: get
SELECT * FROM books_request WHERE id = $1

-- name: outdated
-- A proposal from before proposals had ids: it was never approved, and ends with the one that is.
UPDATE books_request SET result = 'withdrawn', ended_at = $2
WHERE what = 'reopen' AND business_date = $1 AND ended_at IS NULL AND approved_by IS NULL

-- name: begin_by_two
INSERT INTO books_request (id, what, business_date, asked_by, reason, asked_at, approved_by, approved_at)
VALUES ($1, 'reopen', $2, $3, $4, $5, $6, $7)

-- name: ended
UPDATE books_request SET seq = $2, result = $3, ended_at = $4 WHERE id = $1 AND ended_at IS NULL

-- name: listed
SELECT * FROM books_request ORDER BY ended_at IS NOT NULL, id DESC LIMIT $1
