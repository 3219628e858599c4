-- name: cycles
SELECT cycle FROM terms_span
UNION
SELECT cycle FROM product_span WHERE cycle IS NOT NULL

-- name: one_run
-- Batches of one time are made by one run: a merchant's numbers, what it owes and its reserves are read and changed here.
SELECT pg_advisory_xact_lock(hashtext('settlement'))

-- name: eligible
-- By merchant: payments to settle, and refunds that failed after they were in a batch; both are empty for one that only has a
-- reserve to be released on $3. The conditions: the merchant is active, the payment is due by the cycle of the day on which it
-- was accepted ($2 is the latest settlement date for each cycle in $1), the file lists it, the bank line has paid that date's
-- net amount in full.
SELECT
    line.merchant, coalesce(array_agg(line.id) FILTER (WHERE pays), '{}') AS payments,
    coalesce(array_agg(line.id) FILTER (WHERE NOT pays), '{}') AS undos,
    coalesce(array_agg(line.id) FILTER (WHERE part), '{}') AS parts,
    coalesce(array_agg(line.id) FILTER (WHERE NOT part), '{}') AS part_undos
FROM (
    SELECT o.merchant, o.id, o.pays, o.part
    FROM (
        SELECT i.merchant, i.id, true AS pays, NULL::boolean AS part, i.id AS payment, i.channel, i.settle_date,
            coalesce(nullif(i.product, ''), i.kind) AS product, (i.created_at AT TIME ZONE 'Asia/Shanghai')::date AS day
        FROM intent i
        WHERE i.kind IN ('purchase', 'collection') AND i.state = 'SUCCESS' AND i.settlement IS NULL AND i.splitting IS NULL
        UNION ALL -- parts of payments, each by its receiver's cycle
        SELECT s.receiver, s.id, NULL, true, i.id, i.channel, i.settle_date,
            coalesce(nullif(i.product, ''), i.kind), (i.created_at AT TIME ZONE 'Asia/Shanghai')::date
        FROM split s JOIN intent i ON i.id = s.payment
        WHERE s.settlement IS NULL AND i.state = 'SUCCESS' AND i.splitting IS NULL
    ) AS o
    JOIN terms_span t ON t.merchant = o.merchant AND o.day >= t.since AND o.day < t.until
    LEFT JOIN product_span p ON p.merchant = o.merchant AND p.product = o.product AND o.day >= p.since AND o.day < p.until
    JOIN unnest($1::text[], $2::date[]) AS due (cycle, latest) ON due.cycle = coalesce(p.cycle, t.cycle)
    JOIN intent_match l ON l.intent = o.payment
    JOIN channel_file f ON f.channel = o.channel AND f.settle_date = l.matched_on AND f.arrived_at IS NOT NULL
    WHERE o.settle_date <= due.latest
        AND NOT EXISTS (SELECT FROM break b WHERE b.intent = o.payment AND b.cure = 'B6') -- a false success
        AND NOT EXISTS (
            SELECT FROM break b
            WHERE b.class = 'amount_differs' AND b.channel = f.channel AND b.key = f.arrived_seq
                AND b.difference < 0 AND b.cleared_at IS NULL
        )
    UNION ALL
    SELECT b.receiver, b.id, NULL, false
    FROM split_back b JOIN intent r ON r.id = b.refund AND r.state IN ('FAILED', 'REFUSED')
    WHERE b.settlement IS NOT NULL AND b.undo_settlement IS NULL
    UNION ALL
    SELECT r.merchant, r.id, false, NULL
    FROM intent r
    WHERE r.settlement IS NOT NULL AND r.undo_settlement IS NULL AND r.state IN ('FAILED', 'REFUSED')
        AND r.template IN ('R1', 'V1', 'U1')
    UNION ALL
    SELECT s.merchant, NULL, NULL, NULL FROM settlement s
    WHERE s.reserved > 0 AND s.release IS NULL AND s.release_on <= $3 AND s.posted_at IS NOT NULL
    UNION ALL -- and what a failed refund has given back to a reserve
    SELECT r.merchant, NULL, NULL, NULL FROM intent r WHERE r.template = 'R3.guarantee' AND r.state IN ('FAILED', 'REFUSED')
    UNION ALL -- what was recovered of an advance whose refund has failed comes back
    SELECT r.merchant, NULL, NULL, NULL FROM intent r WHERE r.template = 'R3' AND r.state IN ('FAILED', 'REFUSED')
    UNION ALL
    SELECT b.receiver, NULL, NULL, NULL FROM split_back b JOIN intent r ON r.id = b.refund AND r.state IN ('FAILED', 'REFUSED')
    WHERE b.advanced > 0
) AS line
JOIN merchant m ON m.id = line.merchant AND m.state = 'active'
GROUP BY line.merchant ORDER BY line.merchant

-- name: lock_payments
-- The lock makes a refund wait. What another run has taken meanwhile is left out.
SELECT i.id, i.merchant, 'payment' AS part, i.amount - i.fee - i.shared AS net
FROM intent i
JOIN merchant m ON m.id = i.merchant AND m.state = 'active'
WHERE i.id = ANY($1::uuid[]) AND i.state = 'SUCCESS' AND i.settlement IS NULL AND i.splitting IS NULL
ORDER BY i.id
FOR UPDATE OF i

-- name: lock_refunds
-- Settled with the payments $1: refunds out of pending money. And $2 (undo): refunds that failed after they were in a batch.
SELECT r.id, r.merchant,
    CASE WHEN r.settlement IS NULL THEN 'refund' ELSE 'undo' END AS part,
    (CASE WHEN r.settlement IS NULL THEN 1 ELSE -1 END * (
        r.fee - r.amount + (SELECT coalesce(sum(b.amount), 0) FROM split_back b WHERE b.refund = r.id)
    ))::bigint AS net
FROM intent r
WHERE r.id = ANY(ARRAY(SELECT o.id FROM intent o WHERE o.original = ANY($1::uuid[])) || $2::uuid[])
    AND r.template IN ('R1', 'V1', 'U1') AND (
        r.settlement IS NULL AND r.state NOT IN ('FAILED', 'REFUSED') AND r.original = ANY($1::uuid[])
        OR r.settlement IS NOT NULL AND r.undo_settlement IS NULL AND r.state IN ('FAILED', 'REFUSED')
    )
ORDER BY r.id
FOR UPDATE OF r

-- name: lock_parts
-- Parts of payments, after the payments. The lock makes a refund wait.
SELECT s.id, s.receiver AS merchant, 'part' AS part, s.amount AS net
FROM split s
JOIN merchant m ON m.id = s.receiver AND m.state = 'active'
JOIN intent i ON i.id = s.payment AND i.state = 'SUCCESS' AND i.splitting IS NULL
WHERE s.id = ANY($1::uuid[]) AND s.settlement IS NULL
ORDER BY s.id
FOR UPDATE OF s

-- name: lock_backs
-- What receivers gave back of the parts $1 out of pending money. And $2: what came back to them, as the refund failed.
SELECT b.id, b.receiver AS merchant, CASE WHEN b.settlement IS NULL THEN 'back' ELSE 'part_undo' END AS part,
    CASE WHEN b.settlement IS NULL THEN -b.amount ELSE b.amount END AS net
FROM split_back b JOIN intent r ON r.id = b.refund
WHERE b.id = ANY(ARRAY(SELECT o.id FROM split_back o WHERE o.split = ANY($1::uuid[])) || $2::uuid[])
    AND NOT b.available AND (
        b.settlement IS NULL AND r.state NOT IN ('FAILED', 'REFUSED') AND b.split = ANY($1::uuid[])
        OR b.settlement IS NOT NULL AND b.undo_settlement IS NULL AND r.state IN ('FAILED', 'REFUSED')
    )
ORDER BY b.id
FOR UPDATE OF b

-- name: mark_parts
UPDATE split s SET settlement = l.batch FROM unnest($1::uuid[], $2::uuid[]) AS l (id, batch) WHERE s.id = l.id

-- name: mark_backs
UPDATE split_back b SET settlement = l.batch FROM unnest($1::uuid[], $2::uuid[]) AS l (id, batch) WHERE b.id = l.id

-- name: mark_part_undos
UPDATE split_back b SET undo_settlement = l.batch FROM unnest($1::uuid[], $2::uuid[]) AS l (id, batch) WHERE b.id = l.id

-- name: unmark_parts
WITH parts AS (
    UPDATE split SET settlement = NULL WHERE settlement = $1
), backs AS (
    UPDATE split_back SET settlement = NULL WHERE settlement = $1
)
UPDATE split_back SET undo_settlement = NULL WHERE undo_settlement = $1

-- name: agreed
-- The terms of the run date, and how many batches of that date there are already.
SELECT
    t.merchant, t.auto_payout, t.least_fen, t.reserve_ppm, t.reserve_days,
    (SELECT coalesce(max(number), 0) FROM settlement WHERE merchant = t.merchant AND run_date = $2) AS number
FROM terms_span t
WHERE t.merchant = ANY($1::text[]) AND t.since <= $2 AND t.until > $2

-- name: reserves
-- By merchant: what is held and due on $2, by which batches, and what refunds have taken that no batch has absorbed yet.
-- Refunds out of a reserve are rare, and have an index of their own.
SELECT
    m.id AS merchant, coalesce(due.fen, 0)::bigint AS due, coalesce(due.ids, '{}') AS ids,
    (coalesce(taken.fen, 0) - coalesce(absorbed.fen, 0))::bigint AS used
FROM unnest($1::text[]) AS m (id)
LEFT JOIN LATERAL (
    SELECT sum(s.reserved) AS fen, array_agg(s.id) AS ids FROM settlement s
    WHERE s.merchant = m.id AND s.reserved > 0 AND s.release IS NULL AND s.release_on <= $2 AND s.posted_at IS NOT NULL
) AS due ON true
LEFT JOIN LATERAL (
    SELECT sum(r.amount - r.fee) AS fen FROM intent r
    WHERE r.merchant = m.id AND r.template = 'R3.guarantee' AND r.state NOT IN ('FAILED', 'REFUSED')
) AS taken ON true
LEFT JOIN LATERAL (
    SELECT sum(s.absorbed) AS fen FROM settlement s WHERE s.merchant = m.id AND s.absorbed <> 0
) AS absorbed ON true

-- name: mark_released
UPDATE settlement s SET release = l.batch FROM unnest($1::uuid[], $2::uuid[]) AS l (id, batch) WHERE s.id = l.id

-- name: owed
SELECT id, merchant, owed FROM settlement WHERE merchant = ANY($1::text[]) AND owed > 0 ORDER BY merchant, id

-- name: add_settlements
INSERT INTO settlement (
    id, merchant, run_date, number, voucher, amount, lines, created_at, pays_out, reserved, release_on, recovered, carried, owed,
    released, absorbed
)
SELECT s.id, s.merchant, $1, s.number, s.voucher, s.amount, s.lines, $2, s.pays_out, s.reserved, s.release_on, s.recovered,
    s.carried, s.carried, s.released, s.absorbed
FROM unnest(
    $3::uuid[], $4::text[], $5::int[], $6::uuid[], $7::bigint[], $8::int[], $9::boolean[], $10::bigint[], $11::date[],
    $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[]
) AS s (id, merchant, number, voucher, amount, lines, pays_out, reserved, release_on, recovered, carried, released, absorbed)

-- name: set_off
WITH noted AS (
    INSERT INTO settlement_set_off (carried, by, merchant, amount)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[])
)
UPDATE settlement s SET owed = s.owed - o.amount
FROM unnest($1::uuid[], $4::bigint[]) AS o (carried, amount)
WHERE s.id = o.carried

-- name: mark_undos
UPDATE intent i SET undo_settlement = l.batch FROM unnest($1::uuid[], $2::uuid[]) AS l (id, batch) WHERE i.id = l.id

-- name: mark_lines
UPDATE intent i SET settlement = l.batch FROM unnest($1::uuid[], $2::uuid[]) AS l (id, batch) WHERE i.id = l.id

-- name: drop_settlement
-- What it had set off is owed again, and what it released is held.
WITH dropped AS (
    DELETE FROM settlement WHERE id = $1 AND posted_at IS NULL RETURNING id
), restored AS (
    DELETE FROM settlement_set_off o USING dropped d WHERE o.by = d.id RETURNING o.carried, o.amount
), owing AS (
    UPDATE settlement s SET owed = s.owed + r.amount FROM restored r WHERE s.id = r.carried
), held AS (
    UPDATE settlement s SET release = NULL FROM dropped d WHERE s.release = d.id
)
SELECT id FROM dropped

-- name: unmark_undos
UPDATE intent SET undo_settlement = NULL
WHERE id = ANY(ARRAY(SELECT id FROM intent WHERE undo_settlement = $1 ORDER BY id FOR UPDATE))

-- name: unmark_lines
UPDATE intent SET settlement = NULL
WHERE id = ANY(ARRAY(SELECT id FROM intent WHERE settlement = $1 ORDER BY original IS NOT NULL, id FOR UPDATE))
RETURNING id, kind

-- name: note_settled
INSERT INTO step (id, intent, at, kind, message)
SELECT s.id, s.intent, $4, 'settled', $3 FROM unnest($1::uuid[], $2::uuid[]) AS s (id, intent)

-- name: unposted
-- `fee` is what is taken at settlement (F2): of its payments, less what refunds before it would have given back.
SELECT s.*, (coalesce(taken.fee, 0) + coalesce(undone.fee, 0))::bigint AS fee
FROM settlement s
LEFT JOIN LATERAL (
    SELECT sum(CASE WHEN i.original IS NULL THEN i.fee ELSE -i.fee END) AS fee
    FROM intent i WHERE i.settlement = s.id AND i.fee_taken = 'settlement'
) AS taken ON true
LEFT JOIN LATERAL (
    SELECT sum(i.fee) AS fee FROM intent i WHERE i.undo_settlement = s.id AND i.fee_taken = 'settlement'
) AS undone ON true
WHERE s.run_date <= $1 AND s.posted_at IS NULL ORDER BY s.merchant, s.id

-- name: unpaid
-- Of any date: an automatic payout that could not be asked for on its own is asked for later.
SELECT s.*, coalesce(m.external_ref, m.id) AS code
FROM settlement s JOIN merchant m ON m.id = s.merchant AND m.state = 'active'
WHERE s.payout IS NULL AND s.posted_at IS NOT NULL AND s.amount > 0
    AND s.pays_out IS NOT FALSE AND coalesce(s.pays_out, m.auto_payout)
ORDER BY s.merchant, s.id

-- name: payout_named
SELECT id FROM intent WHERE merchant = $1 AND idempotency_key = $2 AND kind = 'payout'

-- name: posted
UPDATE settlement s SET posted_at = coalesce(s.posted_at, $3), ledger_seq = coalesce(b.seq, s.ledger_seq)
FROM unnest($1::uuid[], $2::bigint[]) AS b (id, seq)
WHERE s.id = b.id

-- name: paid_out
UPDATE settlement SET payout = $2 WHERE id = $1

-- name: too_small
-- The fee leaves nothing to pay out: the money stays available.
UPDATE settlement SET pays_out = false WHERE id = $1

-- name: waiting
-- Lines that are due and still wait for their file or for the money of their date.
SELECT i.settle_date, count(*)::int AS lines
FROM intent i JOIN merchant m ON m.id = i.merchant AND m.state = 'active'
JOIN terms_span t ON t.merchant = i.merchant
    AND (i.created_at AT TIME ZONE 'Asia/Shanghai')::date >= t.since
    AND (i.created_at AT TIME ZONE 'Asia/Shanghai')::date < t.until
LEFT JOIN product_span p ON p.merchant = i.merchant AND p.product = coalesce(nullif(i.product, ''), i.kind)
    AND (i.created_at AT TIME ZONE 'Asia/Shanghai')::date >= p.since
    AND (i.created_at AT TIME ZONE 'Asia/Shanghai')::date < p.until
JOIN unnest($1::text[], $2::date[]) AS due (cycle, latest) ON due.cycle = coalesce(p.cycle, t.cycle)
WHERE i.kind IN ('purchase', 'collection') AND i.state = 'SUCCESS' AND i.settlement IS NULL
    AND i.settle_date <= due.latest
    AND NOT EXISTS (
        SELECT FROM break b
        WHERE b.intent = i.id AND b.class = 'missing_there' AND (b.cleared_at IS NULL OR b.cure = 'B6')
    )
    AND NOT (i.id = ANY($3::uuid[]))
GROUP BY i.settle_date ORDER BY i.settle_date
