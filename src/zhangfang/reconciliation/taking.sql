-- name: digest
SELECT digest, name FROM channel_file WHERE channel = $1 AND settle_date = $2

-- name: lock_account
-- One statement of an account at a time, until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended($1, 2))

-- name: is_ours
SELECT EXISTS (SELECT FROM account WHERE subject = $1 AND (code = 1003 OR code = 1002 AND subject = 'own'))

-- name: read_by_bank
SELECT EXISTS (SELECT FROM statement_cursor WHERE account = $1)

-- name: by_file
SELECT DISTINCT account FROM bank_statement

-- name: last_statement
SELECT n, closing FROM bank_statement WHERE account = $1 ORDER BY n DESC LIMIT 1

-- name: known_lines
SELECT sequence, amount, credit FROM bank_line WHERE account = $1 AND sequence = ANY($2::text[])

-- name: add_statement
INSERT INTO bank_statement (account, n, number, opening, closing, lines, name, digest, taken_by, taken_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
