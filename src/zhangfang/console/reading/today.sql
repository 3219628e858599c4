-- name: waiting
SELECT
    (SELECT count(*) FROM intent WHERE state = 'UNKNOWN')::int AS unknown,
    (SELECT count(*) FROM intent WHERE state = 'MANUAL')::int AS manual,
    (SELECT count(*) FROM break WHERE cleared_at IS NULL)::int AS breaks,
    (SELECT count(*) FROM intent WHERE returned_at >= $1)::int AS returned,
    (SELECT count(*) FROM webhook_delivery WHERE delivered_at IS NULL AND next_action_at IS NULL)::int AS untold,
    (SELECT coalesce(sum(seq), 0) FROM head)::bigint AS ledger_seq,
    (SELECT count(*) FROM duplicate WHERE ended_at IS NULL AND state <> 'REVERSING')::int AS duplicates,
    (SELECT count(*) FROM proposal_standing WHERE decision IS NULL)::int AS proposals,
    (
        (SELECT count(*) FROM money_freeze WHERE ended_at IS NULL AND expires_on <= $2)
        + (SELECT count(*) FROM register_entry WHERE closed_at IS NULL AND due_on <= $3)
    )::int AS deadlines

-- name: last_order
-- The newest payment that a merchant asked for: what is filled in from a channel's file (B2) is not of its day.
SELECT created_at FROM intent
WHERE created_at < $1 AND kind IN ('purchase', 'collection') AND template <> 'B2'
ORDER BY created_at DESC LIMIT 1

-- name: last_audit
SELECT at, ok, figures FROM audit_result ORDER BY at DESC LIMIT 1

-- name: figures
SELECT
    count(*) AS orders,
    count(*) FILTER (WHERE pay_in AND state <> 'CREATED') AS pay_in_asked,
    count(*) FILTER (WHERE pay_in AND state = 'SUCCESS') AS pay_in_count,
    coalesce(sum(amount) FILTER (WHERE pay_in AND state = 'SUCCESS'), 0)::bigint AS pay_in_fen,
    count(*) FILTER (WHERE kind = 'payout' AND state = 'SUCCESS') AS payout_count,
    coalesce(sum(amount) FILTER (WHERE kind = 'payout' AND state = 'SUCCESS'), 0)::bigint AS payout_fen,
    count(*) FILTER (WHERE kind = 'payout' AND is_open) AS payout_open,
    count(*) FILTER (WHERE kind = 'payout' AND returned_at IS NOT NULL) AS payout_returned,
    count(*) FILTER (WHERE kind IN ('refund', 'void') AND state = 'SUCCESS') AS refund_count,
    coalesce(sum(amount) FILTER (WHERE kind IN ('refund', 'void') AND state = 'SUCCESS'), 0)::bigint AS refund_fen,
    count(*) FILTER (WHERE kind IN ('refund', 'void') AND is_open) AS refund_open
FROM (
    SELECT
        *,
        kind IN ('purchase', 'collection') AS pay_in,
        state NOT IN ('SUCCESS', 'FAILED', 'REFUSED', 'CLOSED') AS is_open
    FROM intent
    WHERE created_at >= $1 AND created_at < $2
) AS i

-- name: unknown
SELECT
    count(*) AS unknown_count,
    coalesce(sum(amount), 0)::bigint AS unknown_fen,
    min(unknown_since) AS unknown_oldest
FROM intent
WHERE state = 'UNKNOWN'

-- name: hours
SELECT
    extract(hour FROM created_at AT TIME ZONE 'Asia/Shanghai')::int AS hour,
    coalesce(sum(amount) FILTER (WHERE state = 'SUCCESS' AND created_at >= $2), 0)::bigint AS today_fen,
    coalesce(sum(amount) FILTER (WHERE state = 'SUCCESS' AND created_at < $2), 0)::bigint AS before_fen,
    (count(*) FILTER (WHERE state = 'UNKNOWN' AND created_at >= $2))::int AS unknown
FROM intent
WHERE kind IN ('purchase', 'collection') AND created_at >= $1 AND created_at < $3
GROUP BY 1

-- name: errands
SELECT what, detail, merchant, number, amount, since, link FROM (
    SELECT 'manual' AS what, i.kind AS detail, m.name AS merchant, '' AS number, i.amount, i.updated_at AS since,
        'payment:' || i.id AS link
    FROM intent i LEFT JOIN merchant m ON m.id = i.merchant WHERE i.state = 'MANUAL'
    UNION ALL
    SELECT 'break', b.class, b.channel, b.key, abs(b.difference), b.opened_at,
        'break:' || b.settle_date || '#' || b.id
    FROM break b WHERE b.cleared_at IS NULL
    UNION ALL
    SELECT 'duplicate', d.state, m.name, '', d.amount, d.found_at, 'duplicate:' || d.id
    FROM duplicate d LEFT JOIN merchant m ON m.id = d.merchant WHERE d.ended_at IS NULL AND d.state <> 'REVERSING'
    UNION ALL
    SELECT 'freeze', f.kind, m.name, f.reference, f.amount - f.given_up, f.frozen_at, 'freeze:' || f.id
    FROM money_freeze f LEFT JOIN merchant m ON m.id = f.merchant
    WHERE f.ended_at IS NULL AND f.expires_on <= $3
    UNION ALL
    SELECT 'register', r.kind, m.name, r.reference, r.amount, r.opened_at, 'register:' || r.id
    FROM register_entry r LEFT JOIN merchant m ON m.id = r.merchant
    WHERE r.closed_at IS NULL AND r.due_on <= $4
    UNION ALL
    SELECT 'returned', '', m.name, '', i.amount, i.returned_at, 'payment:' || i.id
    FROM intent i LEFT JOIN merchant m ON m.id = i.merchant WHERE i.returned_at >= $1
    UNION ALL
    SELECT 'untold', w.event, m.name, '', NULL, w.created_at, 'payment:' || w.intent
    FROM webhook_delivery d JOIN webhook w ON w.id = d.webhook LEFT JOIN merchant m ON m.id = w.merchant
    WHERE d.delivered_at IS NULL AND d.next_action_at IS NULL
) AS e
ORDER BY since LIMIT $2
