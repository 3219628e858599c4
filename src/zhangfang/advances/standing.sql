-- name: lock
-- One decision about the company's own money at a time: the lock of withdrawals from the reserve too.
SELECT pg_advisory_xact_lock(4)

-- name: standing
-- By merchant: refunds that were advanced (R3) and did not fail, and advances by people (A1); less what batches have paid back
-- (T3), and with what people adjusted (A3, M1). Each of these is rare, and found by merchant.
SELECT
    m.id AS merchant,
    (coalesce(refunds.fen, 0) + coalesce(given.fen, 0) + coalesce(adjusted.fen, 0) - coalesce(back.fen, 0))::bigint AS fen
FROM unnest($1::text[]) AS m (id)
LEFT JOIN LATERAL (
    SELECT sum(r.advanced) AS fen FROM intent r
    WHERE r.merchant = m.id AND r.template = 'R3' AND r.state NOT IN ('CREATED', 'FAILED', 'REFUSED')
) AS refunds ON true
LEFT JOIN LATERAL (
    SELECT sum(a.amount) AS fen FROM advance a WHERE a.merchant = m.id AND a.result = 'posted'
) AS given ON true
LEFT JOIN LATERAL (
    SELECT sum((leg ->> 3)::bigint) AS fen
    FROM adjustment j CROSS JOIN LATERAL jsonb_array_elements(j.legs) AS leg
    WHERE j.result = 'posted' AND (leg ->> 1)::int = 1223 AND leg ->> 2 = m.id
) AS adjusted ON true
LEFT JOIN LATERAL (
    SELECT sum(s.recovered) AS fen FROM settlement s WHERE s.merchant = m.id AND s.recovered <> 0
) AS back ON true

-- name: room
-- Our own money in the reserve less what we owe it (2361 − 1241), and what is stored and perhaps not booked yet: of all, and of
-- the merchant $1.
SELECT
    (
        SELECT coalesce(sum(n.credits - n.debits), 0) FROM account a JOIN books_now n ON n.shard = a.shard AND n.account = a.id
        WHERE a.book = 1 AND a.code IN (2361, 1241)
    )::bigint AS own,
    coalesce(sum(c.fen), 0)::bigint AS coming,
    coalesce(sum(c.fen) FILTER (WHERE c.merchant = $1), 0)::bigint AS coming_here
FROM (
    SELECT r.merchant, r.advanced AS fen FROM intent r WHERE r.template = 'R3' AND r.state = 'CREATED'
    UNION ALL
    SELECT a.merchant, a.amount FROM advance a WHERE a.ended_at IS NULL
    UNION ALL -- what is about to leave the reserve
    SELECT w.merchant, w.amount FROM intent w
    WHERE w.merchant = 'platform' AND w.kind = 'payout' AND w.template = 'D4' AND w.state IN ('CREATED', 'PARKED')
) AS c
