-- name: entries
-- For the merchants $1: the account pages of the business date $2, and entries that are on no page yet. Masked vouchers
-- are left out. `other` is the code of the account on the other side.
WITH own AS (
    SELECT a.shard, a.id, a.code, a.subject FROM head h JOIN account a ON a.shard = h.shard
    WHERE a.book = 1 AND a.code IN (2321, 2322, 2323, 2324) AND a.subject = ANY($1::text[])
), posted AS (
    SELECT o.subject, o.code, o.id AS own, t.* FROM own o
    JOIN account_page p ON p.shard = o.shard AND p.business_date = $2 AND p.account = o.id
    CROSS JOIN LATERAL unnest(p.lines) AS line
    CROSS JOIN LATERAL ( -- OFFSET 0 forces the index: the planner thinks the flags rare and would read all for each page
        SELECT * FROM transfer WHERE shard = p.shard AND seq = p.first_seq + line OFFSET 0
    ) AS t
    WHERE t.flags & 202 = 0
    UNION ALL
    SELECT o.subject, o.code, o.id, t.* FROM books_tail($2) t
    JOIN own o ON o.shard = t.shard AND o.id IN (t.debit, t.credit)
)
SELECT
    p.subject AS merchant, p.seq, p.posted_at, p.kind, p.code, p.voucher, a.code AS other,
    i.id AS intent, i.kind AS operation, i.order_no,
    CASE WHEN p.debit = p.own THEN p.amount ELSE 0 END AS debit,
    CASE WHEN p.credit = p.own THEN p.amount ELSE 0 END AS credit
FROM posted p
JOIN account a ON a.shard = p.shard AND a.id = CASE WHEN p.debit = p.own THEN p.credit ELSE p.debit END
LEFT JOIN intent i ON i.id = p.memo
WHERE NOT EXISTS (SELECT FROM masked_voucher v WHERE v.voucher = p.voucher)
ORDER BY p.subject, p.seq, p.credit = p.own -- a transfer between two accounts of one merchant: debit first

-- name: openings
-- Of every merchant, or of one ($2): the balances before the date, without masked vouchers.
SELECT
    a.subject AS merchant,
    (-sum(b.opening) - coalesce((
        SELECT sum(v.net) FROM masked_voucher v WHERE v.merchant = a.subject AND v.business_date < $1
    ), 0))::bigint AS opening
FROM account a JOIN books_balances($1) b ON b.shard = a.shard AND b.account = a.id
WHERE a.book = 1 AND a.code IN (2321, 2322, 2323, 2324) AND ($2::text IS NULL OR a.subject = $2)
GROUP BY a.subject

-- name: payments
SELECT
    i.id, i.merchant, i.kind, i.order_no, i.channel, i.state, i.amount, i.fee, i.decided_at,
    coalesce(o.order_no, '') AS original, coalesce(o.fee_rule, i.fee_rule) AS fee_rule
FROM intent i LEFT JOIN intent o ON o.id = i.original
WHERE i.id = ANY($1::uuid[])

-- name: rules
-- Rules of these ids; a plain one is read in the form of an agreed one.
SELECT
    id, json_build_object(
        'kind', kind, 'rate_ppm', rate_ppm, 'fixed_fen', fixed_fen, 'min_fen', min_fen, 'max_fen', max_fen,
        'effective_from', effective_from
    )::text AS rule
FROM fee_rule WHERE id = ANY($1::uuid[])
UNION ALL
SELECT id, rule FROM agreed_fee WHERE id = ANY($1::uuid[])

-- name: unmoved
-- Payments of the merchants $1 that ended without success on the date $2; those that moved money and gave it back are
-- among them.
SELECT
    i.id, i.merchant, i.kind, i.order_no, i.channel, i.state, i.amount, i.fee, i.decided_at,
    coalesce(o.order_no, '') AS original, NULL::uuid AS fee_rule
FROM intent i LEFT JOIN intent o ON o.id = i.original
WHERE i.business_date = $2 AND i.merchant = ANY($1::text[]) AND i.state IN ('FAILED', 'REFUSED', 'CLOSED')
ORDER BY i.id

-- name: head_seq
SELECT coalesce(max(seq), 0)::bigint FROM head

-- name: merchants
-- Those that there were at the moment $1; or one of them ($2).
SELECT id, name FROM merchant
WHERE created_at < $1 AND ($2::text IS NULL OR id = $2)
ORDER BY coalesce(external_ref, id)

-- name: newest
-- The newest version of each of the merchants $1 for the date $2.
SELECT DISTINCT ON (merchant) merchant, version, digest FROM statement_version
WHERE business_date = $2 AND merchant = ANY($1::text[])
ORDER BY merchant, version DESC

-- name: add_first
INSERT INTO statement (merchant, business_date, opening, closing, lines, ledger_seq, digest, released_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (merchant, business_date) DO NOTHING

-- name: add_version
INSERT INTO statement_version (
    merchant, business_date, version, opening, closing, payments, lines, ledger_seq, certificates, digest, body, reason,
    released_by, released_at
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT (merchant, business_date, version) DO NOTHING

-- name: get
-- One version of a merchant's statement; null: the newest.
SELECT * FROM statement_version
WHERE merchant = $1 AND business_date = $2 AND ($3::int IS NULL OR version = $3)
ORDER BY version DESC LIMIT 1

-- name: of_day
-- The versions of a date, newest first for each merchant, after a merchant ($2); of one alone ($3).
SELECT
    v.merchant, v.business_date, v.version, v.opening, v.closing, v.payments, v.lines, v.ledger_seq, v.certificates,
    v.digest, v.reason, v.released_by, v.released_at, m.name, coalesce(m.external_ref, m.id) AS code
FROM statement_version v JOIN merchant m ON m.id = v.merchant
WHERE v.business_date = $1 AND v.merchant > $2 AND ($3::text IS NULL OR v.merchant = $3)
ORDER BY v.merchant, v.version DESC LIMIT $4

-- name: of_merchant
-- A merchant's versions, newest date first, before a date and version.
SELECT
    v.merchant, v.business_date, v.version, v.opening, v.closing, v.payments, v.lines, v.ledger_seq, v.certificates,
    v.digest, v.reason, v.released_by, v.released_at, m.name, coalesce(m.external_ref, m.id) AS code
FROM statement_version v JOIN merchant m ON m.id = v.merchant
WHERE v.merchant = $1 AND (v.business_date, v.version) < ($2::date, $3::int)
ORDER BY v.business_date DESC, v.version DESC LIMIT $4

-- name: newest_day
SELECT max(business_date) FROM statement_version
