-- name: intents
SELECT
    i.*,
    EXISTS (SELECT FROM transfer t WHERE t.voucher = i.voucher AND t.flags & 74 = 0) AS booked
FROM intent i ORDER BY i.id

-- name: attempts
-- Every order number that was ever stored, with its intent.
SELECT channel, channel_order_no AS number, id, merchant, order_no, kind, amount, business_date FROM intent
UNION ALL
SELECT a.channel, a.channel_order_no, i.id, i.merchant, i.order_no, i.kind, i.amount, a.business_date
FROM attempt a JOIN intent i ON i.id = a.intent

-- name: evidence
-- By intent: how often it ended, whether its channel answered a definite failure, whether a query proved it absent.
SELECT
    intent,
    count(*) FILTER (WHERE state IN ('SUCCESS', 'FAILED', 'REFUSED', 'CLOSED')) AS ends,
    bool_or(verdict = 'failed' AND kind IN ('answer', 'query', 'notification')) AS failed,
    bool_or(verdict = 'not_found' AND state IN ('FAILED', 'CLOSED')) AS absent
FROM step GROUP BY intent

-- name: ended
-- How every intent that was ever UNKNOWN ended: the kind of the step that ended it.
SELECT i.id, s.kind, s.verdict
FROM intent i
JOIN step s ON s.intent = i.id AND s.state IN ('SUCCESS', 'FAILED', 'REFUSED', 'CLOSED')
WHERE i.unknown_since IS NOT NULL

-- name: unknowns
SELECT count(*) FROM intent WHERE unknown_since IS NOT NULL

-- name: unclear
-- Channels with an order without outcome, or with an open break that has moved money.
SELECT channel FROM intent WHERE state NOT IN ('SUCCESS', 'FAILED', 'REFUSED', 'CLOSED', 'PARKED')
UNION
SELECT channel FROM break WHERE cleared_at IS NULL AND template <> ''

-- name: cured
SELECT cure, count(*) AS breaks FROM break WHERE cleared_at IS NOT NULL GROUP BY cure ORDER BY cure

-- name: unread_lines
SELECT count(*) FROM bank_line WHERE posted_at IS NULL

-- name: breaks_of_intents
SELECT DISTINCT intent FROM break WHERE intent IS NOT NULL

-- name: story
SELECT at, kind, verdict, state, code, message FROM step WHERE intent = $1 ORDER BY id

-- name: waiting_tasks
SELECT kind, key, attempts, note FROM task
WHERE done_at IS NULL AND attempts > 0 AND note <> ''
ORDER BY kind, key

-- name: lines_of
SELECT count(*) FROM bank_line WHERE account = $1
