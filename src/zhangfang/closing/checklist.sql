-- Each item is asked for the business dates from $1 to $2, at the moment $3: how many things are in the way, since which
-- date, and one of them by name. Nothing in the way: count 0.

-- name: span
-- From which date the books through $1 are to be looked at: the platform's first, but none that is closed, unless the
-- month of $1 is.
SELECT greatest(
    least($1::date, (SELECT min(key)::date FROM task WHERE kind = 'close'), (SELECT min(business_date) FROM books_day)),
    (
        SELECT least(date_trunc('month', $1::date)::date, min(closed_through) + 1) FROM head
        HAVING bool_and(closed_through IS NOT NULL)
    )
)

-- name: rolled
SELECT count(*)::int AS count, min(d.day)::date AS since, min(d.day)::date::text AS which
FROM (SELECT $1::date AS first, $2::date AS last, $3::timestamptz AS now) a
CROSS JOIN LATERAL generate_series(a.first, a.last, interval '1 day') AS d (day)
WHERE EXISTS (
    SELECT FROM head h
    WHERE NOT EXISTS (SELECT FROM books_day b WHERE b.shard = h.shard AND b.business_date = d.day::date)
)

-- name: outcomes
SELECT count(*)::int AS count, min(i.business_date) AS since, min(i.channel_order_no) AS which
FROM (SELECT $1::date AS first, $2::date AS last, $3::timestamptz AS now) a
JOIN intent i ON i.state IN ('CREATED', 'PARKED', 'REDIRECTED', 'SENDING', 'ACCEPTED', 'UNKNOWN', 'MANUAL')
    AND i.business_date <= a.last

-- name: even
SELECT count(*)::int AS count, NULL::date AS since, max(abs(g.gap))::text AS which
FROM (SELECT $1::date AS first, $3::timestamptz AS now) a
CROSS JOIN (
    SELECT sum(b.opening + b.debits - b.credits) AS gap
    FROM books_balances($2) b JOIN account c ON c.shard = b.shard AND c.id = b.account
    GROUP BY c.book HAVING sum(b.opening + b.debits - b.credits) <> 0
) g

-- name: files
SELECT count(*)::int AS count, min(t.day) AS since, min(t.key) AS which
FROM (SELECT $1::date AS first, $2::date AS last, $3::timestamptz AS now) a
JOIN (
    SELECT key, split_part(key, '/', 1) AS channel, split_part(key, '/', 2)::date AS day FROM task WHERE kind = 'file'
) t ON t.day BETWEEN a.first AND a.last
WHERE NOT EXISTS (
    SELECT FROM channel_file f WHERE f.channel = t.channel AND f.settle_date = t.day AND f.matched_at IS NOT NULL
)

-- name: certificates
SELECT count(*)::int AS count, min(f.settle_date) AS since, min(f.channel || '/' || f.settle_date) AS which
FROM (SELECT $1::date AS first, $2::date AS last, $3::timestamptz AS now) a
JOIN channel_file f ON f.settle_date BETWEEN a.first AND a.last
LEFT JOIN LATERAL (
    SELECT c.file_digest FROM certificate c
    WHERE c.channel = f.channel AND c.settle_date = f.settle_date ORDER BY c.version DESC LIMIT 1
) n ON true
WHERE n.file_digest IS DISTINCT FROM f.digest

-- name: statements
SELECT count(*)::int AS count, min(t.key)::date AS since, min(t.key) AS which
FROM (SELECT $1::date AS first, $2::date AS last, $3::timestamptz AS now) a
JOIN task t ON t.kind = 'statements' AND t.key BETWEEN a.first::text AND a.last::text AND t.done_at IS NULL

-- name: breaks
SELECT count(*)::int AS count, min(b.settle_date) AS since, min(b.key) AS which
FROM (SELECT $1::date AS first, $2::date AS last, $3::timestamptz AS now) a
JOIN break b ON b.cleared_at IS NULL AND b.opened_at < a.now - interval '7 days' AND b.settle_date <= a.last
    AND b.class NOT IN ('unknown_receipt', 'unknown_debit')

-- name: suspense
SELECT count(*)::int AS count, min(b.settle_date) AS since, min(b.key) AS which
FROM (SELECT $1::date AS first, $2::date AS last, $3::timestamptz AS now) a
JOIN break b ON b.cleared_at IS NULL AND b.opened_at < a.now - interval '30 days' AND b.settle_date <= a.last
    AND b.class IN ('unknown_receipt', 'unknown_debit')

-- name: transit
SELECT count(*)::int AS count, min(i.business_date) AS since, min(i.channel_order_no) AS which
FROM (SELECT $1::date AS first, $2::date AS last, $3::timestamptz AS now) a
JOIN intent i ON i.kind = 'payout' AND i.state = 'SUCCESS' AND i.arrived_seq IS NULL
    AND NOT EXISTS (SELECT FROM intent_match m WHERE m.intent = i.id) AND i.business_date <= least(a.last, (a.now AT TIME ZONE 'Asia/Shanghai')::date - 4)

-- name: cash
-- Of each account whose statement is read: what the bank's newest line up to the date says, and our own account.
SELECT count(*)::int AS count, min(l.business_date) AS since, min(s.account) AS which
FROM (SELECT $1::date AS first, $3::timestamptz AS now) a
CROSS JOIN statement_cursor s
CROSS JOIN LATERAL (
    SELECT k.balance, k.business_date FROM bank_line k WHERE k.account = s.account AND k.business_date <= $2
    ORDER BY k.business_date DESC, k.booked_at DESC, length(k.sequence) DESC, k.sequence DESC LIMIT 1
) l
WHERE l.balance <> (
    SELECT coalesce(sum(b.opening + b.debits - b.credits), 0)
    FROM account c JOIN books_balances($2) b ON b.shard = c.shard AND b.account = c.id
    WHERE c.code IN (1002, 1003, 1004) AND c.subject = s.account
)

-- name: fees
-- The two mirrored pairs, which are equal after each day-end: 2361 and 1222, 1241 and 2242.
SELECT count(*)::int AS count, NULL::date AS since, min(p.pair) AS which
FROM (SELECT $1::date AS first, $3::timestamptz AS now) a
CROSS JOIN (
    SELECT CASE WHEN c.code IN (2361, 1222) THEN '2361 = 1222' ELSE '1241 = 2242' END AS pair
    FROM books_balances($2) b JOIN account c ON c.shard = b.shard AND c.id = b.account
    WHERE c.code IN (2361, 1222, 1241, 2242)
    GROUP BY 1 HAVING sum(b.opening + b.debits - b.credits) <> 0
) p

-- name: bills
SELECT count(*)::int AS count, min(t.key || '-01')::date AS since, min(t.key) AS which
FROM (SELECT $1::date AS first, $2::date AS last, $3::timestamptz AS now) a
JOIN task t ON t.kind = 'bills' AND t.key BETWEEN to_char(a.first, 'YYYY-MM') AND to_char(a.last, 'YYYY-MM')
    AND t.done_at IS NULL

-- name: vat
-- Whole months only.
SELECT count(*)::int AS count, min(m.day)::date AS since, to_char(min(m.day), 'YYYY-MM') AS which
FROM (SELECT $1::date AS first, $2::date AS last, $3::timestamptz AS now) a
CROSS JOIN LATERAL generate_series(date_trunc('month', a.first), date_trunc('month', a.last), interval '1 month') AS m (day)
WHERE (m.day + interval '1 month')::date - 1 <= a.last
    AND NOT EXISTS (SELECT FROM fee_vat v WHERE v.month = m.day::date AND v.posted_at IS NOT NULL)

-- name: reserve
SELECT count(*)::int AS count, NULL::date AS since, sum(r.fen)::text AS which
FROM (SELECT $1::date AS first, $3::timestamptz AS now) a
CROSS JOIN (
    SELECT b.opening + b.debits - b.credits AS fen
    FROM books_balances($2) b JOIN account c ON c.shard = b.shard AND c.id = b.account
    WHERE c.code = 1241 AND b.opening + b.debits - b.credits > 0
) r

-- name: proposals
SELECT count(*)::int AS count, min((p.proposed_at AT TIME ZONE 'Asia/Shanghai')::date) AS since, min(p.kind) AS which
FROM (SELECT $1::date AS first, $2::date AS last, $3::timestamptz AS now) a
JOIN proposal_standing p ON p.proposed_at < (a.last + 1)::timestamp AT TIME ZONE 'Asia/Shanghai'
    AND (p.decision IS NULL OR p.decision = 'approve' AND p.done_at IS NULL) AND p.kind NOT IN ('close', 'reopen')

-- name: seals
-- The last result of each day in China has to be there, and good.
SELECT count(*)::int AS count, min(d.day)::date AS since, min(d.day)::date::text AS which
FROM (SELECT $1::date AS first, $2::date AS last, $3::timestamptz AS now) a
CROSS JOIN LATERAL generate_series(a.first, a.last, interval '1 day') AS d (day)
LEFT JOIN LATERAL (
    SELECT r.ok FROM audit_result r
    WHERE r.at >= d.day::timestamp AT TIME ZONE 'Asia/Shanghai'
        AND r.at < (d.day + interval '1 day')::timestamp AT TIME ZONE 'Asia/Shanghai'
    ORDER BY r.at DESC LIMIT 1
) s ON true
WHERE s.ok IS NOT TRUE
