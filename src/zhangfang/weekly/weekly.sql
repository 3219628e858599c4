-- name: outcomes
-- Payments of the kinds $3 that were asked for between $1 and $2. Declined: the payer's own bank said no (UnionPay's respCode
-- 60 to 67, Lakala's FAIL, the network's PB520051), the payer never came, or the merchant's balance did not suffice. A line
-- filled in from a channel's file (B2) was never asked for.
SELECT
    count(*)::int AS attempted,
    (count(*) FILTER (
        WHERE state = 'CLOSED' OR state = 'REFUSED' AND code = 'exceeds_credits' OR state = 'FAILED' AND (
            channel = 'unionpay' AND code LIKE '6_' OR channel = 'lakala' AND code LIKE '%FAIL'
            OR channel = 'epcc' AND code LIKE '%PB520051'
        )
    ))::int AS declined,
    (count(*) FILTER (WHERE state = 'SUCCESS'))::int AS succeeded,
    (count(*) FILTER (WHERE state NOT IN ('SUCCESS', 'FAILED', 'REFUSED', 'CLOSED')))::int AS open,
    (count(*) FILTER (WHERE returned_at IS NOT NULL))::int AS returned
FROM intent
WHERE created_at >= $1 AND created_at < $2 AND kind = ANY($3::text[]) AND template <> 'B2'

-- name: minutes
-- Each minute between $1 and $2 that was measured by a probe or by requests.
SELECT minute, sum(asked)::int AS asked, sum(failed)::int AS failed, sum(answered)::int AS answered, sum(errors)::int AS errors
FROM (
    SELECT minute, asked, failed, 0 AS answered, 0 AS errors FROM probe_minute WHERE minute >= $1 AND minute < $2
    UNION ALL
    SELECT minute, 0, 0, answered, failed FROM request_minute WHERE minute >= $1 AND minute < $2
) AS seen
GROUP BY minute

-- name: unknown
-- Payments that became UNKNOWN between $1 and $2 (by steps with ids from $3 to $4), and when they ended; null: not yet.
SELECT s.intent, min(s.at) AS since, max(i.decided_at) AS ended
FROM step s JOIN intent i ON i.id = s.intent
WHERE s.id >= $3 AND s.id < $4 AND s.at >= $1 AND s.at < $2 AND s.state = 'UNKNOWN'
GROUP BY s.intent

-- name: doubled
SELECT count(*)::int AS found, coalesce(sum(amount), 0)::bigint AS fen, count(ended_at)::int AS healed
FROM duplicate WHERE found_at >= $1 AND found_at < $2

-- name: breaks
SELECT
    (SELECT count(*) FROM break WHERE opened_at >= $1 AND opened_at < $2)::int AS opened,
    (SELECT count(*) FROM break WHERE cleared_at >= $1 AND cleared_at < $2)::int AS cleared,
    count(*)::int AS open, min(b.opened_at) AS oldest
FROM break b WHERE b.opened_at < $2 AND (b.cleared_at IS NULL OR b.cleared_at >= $2)

-- name: any_file
SELECT EXISTS (SELECT FROM channel_file WHERE matched_at < $1)

-- name: peak
SELECT date_trunc('minute', created_at) AS minute, count(*)::int AS payments
FROM intent WHERE created_at >= $1 AND created_at < $2
GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1

-- name: releases
-- Tables of routing, and what else two people put into force by proposals of the kinds $3: column maps, match rules, fee
-- rules, terms and cycles. Each of them stays in force until the next of its kind; a match rule is ended by a proposal too.
SELECT kind, version, live_at, ended_at, coalesce(ended_reason, reason) AS reason, '' AS about, proposal
FROM table_release
WHERE live_at >= $1 AND live_at < $2 OR ended_at >= $1 AND ended_at < $2
UNION ALL
SELECT
    p.kind, 0, CASE WHEN NOT o.ends THEN e.at END, CASE WHEN o.ends THEN e.at END, p.reason,
    CASE WHEN m.id IS NULL THEN replace(p.target, 'match rule/', '') ELSE m.account || '/' || m.says END, p.id
FROM operator_act e
JOIN proposal p ON p.id = e.proposal AND p.kind = ANY($3::text[])
LEFT JOIN match_rule m ON p.kind = 'match rule' AND p.target = 'match rule/' || m.id
CROSS JOIN LATERAL (SELECT m.id IS NOT NULL AND p.content::json ->> 'says' = '' AS ends) o
WHERE e.act = 'done' AND e.at >= $1 AND e.at < $2
ORDER BY kind, version, live_at, proposal

-- name: volume
-- What the API and the pages answered between $1 and $2, by operation, and how much of it with an error of ours.
SELECT operation, sum(answered)::int AS answered, sum(failed)::int AS failed FROM request_minute
WHERE minute >= $1 AND minute < $2 GROUP BY operation ORDER BY operation

-- name: incidents
SELECT * FROM incident WHERE began_at >= $1 AND began_at < $2 ORDER BY began_at, id

-- name: count_probe
INSERT INTO probe_minute (minute, probe, asked, failed, max_ms) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (minute, probe) DO UPDATE SET
    asked = probe_minute.asked + excluded.asked, failed = probe_minute.failed + excluded.failed,
    max_ms = greatest(probe_minute.max_ms, excluded.max_ms)

-- name: count_requests
INSERT INTO request_minute (minute, operation, answered, failed) VALUES ($1, $2, $3, $4)
ON CONFLICT (minute, operation) DO UPDATE SET
    answered = request_minute.answered + excluded.answered, failed = request_minute.failed + excluded.failed

-- name: newest_report
SELECT * FROM weekly_report WHERE week = $1 ORDER BY version DESC LIMIT 1

-- name: reports
SELECT * FROM weekly_report WHERE week = $1 ORDER BY version

-- name: add_report
INSERT INTO weekly_report (week, version, as_of, figures, digest) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (week, version) DO NOTHING

-- name: open_incident
INSERT INTO incident (id, service, found, began_at, noticed_at) VALUES ($1, $2, $3, $4, $5)

-- name: incident
SELECT * FROM incident WHERE id = $1

-- name: add_event
INSERT INTO incident_event (id, incident, at, by, text) VALUES ($1, $2, $3, $4, $5)

-- name: events
SELECT at, by, text FROM incident_event WHERE incident = $1 ORDER BY id

-- name: end_incident
UPDATE incident SET
    ended_at = $2, minutes_down = $3, payments_hit = $4, fen_hit = $5, fen_wrong = $6, on_statement = $7, cause = $8,
    effect = $9, handling = $10, proposed_grade = $11
WHERE id = $1

-- name: grade_incident
UPDATE incident SET grade = $2, graded_by = $3, approved_by = $4 WHERE id = $1

-- name: grade_rules
-- The rules of a day: of each grade the newest that has come into force.
SELECT DISTINCT ON (grade) * FROM grade_rule WHERE effective_from <= $1 ORDER BY grade, effective_from DESC
