-- name: of_day
-- What was posted with business date $1, each transfer once: by the account pages of its debit side, and what is on no page
-- yet.
SELECT
    t.shard, t.seq, t.id, t.voucher, t.business_date, t.posted_at, t.book, t.kind, t.amount, t.memo, t.reverses,
    d.id AS debit, d.code AS debit_code, d.subject AS debit_subject,
    c.id AS credit, c.code AS credit_code, c.subject AS credit_subject
FROM (
    SELECT t.* FROM head h
    JOIN account_page p ON p.shard = h.shard AND p.business_date = $1
    CROSS JOIN LATERAL unnest(p.lines) AS line
    CROSS JOIN LATERAL ( -- OFFSET 0 forces the index
        SELECT * FROM transfer WHERE shard = p.shard AND seq = p.first_seq + line OFFSET 0
    ) AS t
    WHERE t.debit = p.account AND t.flags & 202 = 0
    UNION ALL
    SELECT * FROM books_tail($1)
) t
JOIN account d ON d.shard = t.shard AND d.id = t.debit
JOIN account c ON c.shard = t.shard AND c.id = t.credit
ORDER BY t.shard, t.seq
