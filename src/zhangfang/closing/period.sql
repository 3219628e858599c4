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

-- name: approve
-- The first approver stays: after a crash anybody except the proposer may run it to its end.
UPDATE books_request SET approved_by = coalesce(approved_by, $2), approved_at = coalesce(approved_at, $3)
WHERE id = $1 AND what = 'reopen' AND ended_at IS NULL
RETURNING *

-- name: ended
UPDATE books_request SET seq = $2, result = $3, ended_at = $4 WHERE id = $1 AND ended_at IS NULL

-- name: listed
SELECT * FROM books_request ORDER BY ended_at IS NOT NULL, id DESC LIMIT $1
