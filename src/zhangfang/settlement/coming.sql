-- name: coming
-- What is pending for a merchant, by cycle and settlement date, and whether file and money of it are there: payments less
-- their fee, their parts and their pending refunds; and parts of others' payments.
WITH line AS (
    SELECT i.id AS payment, i.product, i.kind, i.created_at, i.settle_date, i.channel, i.splitting,
        i.amount - i.fee - i.shared + (
            SELECT coalesce(sum(r.fee - r.amount + (
                SELECT coalesce(sum(b.amount), 0) FROM split_back b WHERE b.refund = r.id
            )), 0)
            FROM intent r
            WHERE r.original = i.id AND r.template IN ('R1', 'V1', 'U1') AND r.state NOT IN ('FAILED', 'REFUSED')
        ) AS net
    FROM intent i
    WHERE i.merchant = $1 AND i.kind IN ('purchase', 'collection') AND i.state = 'SUCCESS' AND i.settlement IS NULL
    UNION ALL
    SELECT i.id, i.product, i.kind, i.created_at, i.settle_date, i.channel, i.splitting,
        s.amount - (
            SELECT coalesce(sum(b.amount), 0) FROM split_back b JOIN intent r ON r.id = b.refund
            WHERE b.split = s.id AND NOT b.available AND r.state NOT IN ('FAILED', 'REFUSED')
        )
    FROM split s JOIN intent i ON i.id = s.payment AND i.state = 'SUCCESS'
    WHERE s.receiver = $1 AND s.settlement IS NULL
)
SELECT
    coalesce(p.cycle, t.cycle) AS cycle, l.settle_date, f.arrived_at IS NOT NULL AND l.splitting IS NULL AS ready,
    sum(l.net)::bigint AS fen, count(*)::int AS lines
FROM line l
JOIN terms_span t ON t.merchant = $1
    AND (l.created_at AT TIME ZONE 'Asia/Shanghai')::date >= t.since
    AND (l.created_at AT TIME ZONE 'Asia/Shanghai')::date < t.until
LEFT JOIN product_span p ON p.merchant = $1 AND p.product = coalesce(nullif(l.product, ''), l.kind)
    AND (l.created_at AT TIME ZONE 'Asia/Shanghai')::date >= p.since
    AND (l.created_at AT TIME ZONE 'Asia/Shanghai')::date < p.until
LEFT JOIN intent_match m ON m.intent = l.payment
LEFT JOIN channel_file f ON f.channel = l.channel AND f.settle_date = m.matched_on
GROUP BY 1, 2, 3

-- name: cycles
-- The cycle of a day, and those of its products that have one of their own.
SELECT '' AS product, cycle, least_fen FROM terms_span WHERE merchant = $1 AND since <= $2 AND until > $2
UNION ALL
SELECT product, cycle, 0 FROM product_span WHERE merchant = $1 AND since <= $2 AND until > $2 AND cycle IS NOT NULL
ORDER BY 1

-- name: held
SELECT id, run_date, release_on, reserved AS fen FROM settlement
WHERE merchant = $1 AND reserved > 0 AND release IS NULL ORDER BY release_on, id LIMIT $2

-- name: owed
SELECT id, run_date, carried, owed FROM settlement WHERE merchant = $1 AND owed > 0 ORDER BY id LIMIT $2

-- name: parts
-- The newest parts that a merchant has of others' payments, with what refunds took back.
SELECT
    s.payment, i.merchant AS seller, s.amount, s.settlement, s.created_at, (
        SELECT coalesce(sum(b.amount), 0) FROM split_back b JOIN intent r ON r.id = b.refund
        WHERE b.split = s.id AND r.state NOT IN ('FAILED', 'REFUSED')
    )::bigint AS back
FROM split s JOIN intent i ON i.id = s.payment AND i.state = 'SUCCESS'
WHERE s.receiver = $1 ORDER BY s.created_at DESC, s.id DESC LIMIT $2

-- name: set_off
-- What a batch has set off of earlier ones; and which later ones have set it off.
SELECT carried, by, amount FROM settlement_set_off WHERE by = $1
UNION ALL
SELECT carried, by, amount FROM settlement_set_off WHERE carried = $1
