-- name: health
WITH named AS (
    SELECT channel, operation FROM unnest($1::text[], $2::text[]) AS n (channel, operation)
    UNION
    SELECT channel, operation FROM channel_stop
), asked AS (
    SELECT
        channel, kind,
        count(*) FILTER (WHERE created_at >= $4) AS asked,
        count(*) FILTER (WHERE created_at >= $4 AND state NOT IN ('SENDING', 'UNKNOWN')) AS answered,
        count(*) AS asked_today,
        count(*) FILTER (WHERE state NOT IN ('SENDING', 'UNKNOWN')) AS answered_today
    FROM intent
    WHERE created_at >= $3 AND state NOT IN ('CREATED', 'REDIRECTED', 'REFUSED')
    GROUP BY channel, kind
), speed AS (
    SELECT
        i.channel, i.kind,
        percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM a.at - s.at)) AS p95_seconds
    FROM intent i
    JOIN LATERAL (SELECT at FROM step WHERE intent = i.id AND kind = 'sent' ORDER BY id LIMIT 1) s ON true
    JOIN LATERAL (SELECT at FROM step WHERE intent = i.id AND kind = 'answer' ORDER BY id LIMIT 1) a ON true
    WHERE i.created_at >= $4
    GROUP BY i.channel, i.kind
), doubt AS (
    SELECT channel, kind, count(*) AS unknown, min(unknown_since) AS oldest
    FROM intent WHERE state = 'UNKNOWN' GROUP BY channel, kind
)
SELECT
    n.channel, n.operation,
    coalesce(a.asked, 0)::int AS asked, coalesce(a.answered, 0)::int AS answered,
    coalesce(a.asked_today, 0)::int AS asked_today, coalesce(a.answered_today, 0)::int AS answered_today,
    p.p95_seconds::float8 AS p95_seconds,
    coalesce(d.unknown, 0)::int AS unknown, d.oldest AS unknown_oldest,
    s.stopped_by, s.stopped_at, s.reason AS stop_reason
FROM named n
LEFT JOIN asked a ON a.channel = n.channel AND a.kind = n.operation
LEFT JOIN speed p ON p.channel = n.channel AND p.kind = n.operation
LEFT JOIN doubt d ON d.channel = n.channel AND d.kind = n.operation
LEFT JOIN channel_stop s ON s.channel = n.channel AND s.operation = n.operation
ORDER BY array_position($1::text[], n.channel), n.channel, array_position($2::text[], n.operation)
