-- name: lock
-- One decision about the company's own money at a time: the lock of withdrawals from the reserve too.
SELECT pg_advisory_xact_lock(4)

-- name: standing
-- By merchant: refunds that were advanced (R3) and did not fail, parts that it lacked to give back, and advances by people (A1);
-- less what batches have paid back (T3), and with what people adjusted (A3, M1). `coming` is stored and perhaps not booked
-- yet. Each of these is rare, and found by merchant.
SELECT
    m.id AS merchant,
    (
        coalesce(refunds.fen, 0) + coalesce(parts.fen, 0) + coalesce(given.fen, 0) + coalesce(adjusted.fen, 0)
        - coalesce(back.fen, 0)
    )::bigint AS fen,
    (coalesce(refunds.coming, 0) + coalesce(parts.coming, 0) + coalesce(given.coming, 0))::bigint AS coming
FROM unnest($1::text[]) AS m (id)
LEFT JOIN LATERAL (
    SELECT sum(r.advanced) FILTER (WHERE r.state <> 'CREATED') AS fen, sum(r.advanced) FILTER (WHERE r.state = 'CREATED') AS coming
    FROM intent r
    WHERE r.merchant = m.id AND r.template = 'R3' AND r.state NOT IN ('FAILED', 'REFUSED')
) AS refunds ON true
LEFT JOIN LATERAL (
    SELECT sum(b.advanced) FILTER (WHERE r.state <> 'CREATED') AS fen, sum(b.advanced) FILTER (WHERE r.state = 'CREATED') AS coming
    FROM split_back b JOIN intent r ON r.id = b.refund
    WHERE b.receiver = m.id AND b.advanced > 0 AND r.state NOT IN ('FAILED', 'REFUSED')
) AS parts ON true
LEFT JOIN LATERAL (
    SELECT sum(a.amount) FILTER (WHERE a.result = 'posted') AS fen, sum(a.amount) FILTER (WHERE a.ended_at IS NULL) AS coming
    FROM advance a WHERE a.merchant = m.id
) AS given ON true
LEFT JOIN LATERAL (
    SELECT sum((leg ->> 3)::bigint) AS fen
    FROM adjustment j CROSS JOIN LATERAL jsonb_array_elements(j.legs) AS leg
    WHERE j.result = 'posted' AND (leg ->> 1)::int = 1223 AND leg ->> 2 = m.id
) AS adjusted ON true
LEFT JOIN LATERAL (
    SELECT sum(s.recovered) AS fen FROM settlement s WHERE s.merchant = m.id AND s.recovered <> 0
) AS back ON true

-- name: own_money
-- Our own money in the reserve less what we owe it (2361 − 1241), and less withdrawals that are perhaps not booked yet.
SELECT (
    coalesce((
        SELECT sum(n.credits - n.debits) FROM account a JOIN books_now n ON n.shard = a.shard AND n.account = a.id
        WHERE a.book = 1 AND a.code IN (2361, 1241)
    ), 0)
    - coalesce((
        SELECT sum(w.amount) FROM intent w
        WHERE w.merchant = 'platform' AND w.kind = 'payout' AND w.template = 'D4' AND w.state IN ('CREATED', 'PARKED')
    ), 0)
)::bigint

-- name: promised
-- Advances that are stored and perhaps not booked yet: of refunds, of their parts, of people.
SELECT (
    coalesce((SELECT sum(r.advanced) FROM intent r WHERE r.template = 'R3' AND r.state = 'CREATED'), 0)
    + coalesce((
        SELECT sum(b.advanced) FROM split_back b JOIN intent r ON r.id = b.refund
        WHERE b.advanced > 0 AND r.state = 'CREATED'
    ), 0)
    + coalesce((SELECT sum(a.amount) FROM advance a WHERE a.ended_at IS NULL), 0)
)::bigint
