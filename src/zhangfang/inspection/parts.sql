-- What goes into a package, for the business dates from $1 to $2. A statement with one column `line` gives lines of JSON,
-- any other one the rows of a CSV. No statement gives personal data: accounts by their last digits, no names, no texts of
-- payers.

-- name: certificates
SELECT jsonb_build_object(
    'channel', channel, 'settle_date', settle_date, 'version', version, 'number', number, 'content', content,
    'hash', encode(hash, 'hex'), 'issued_at', issued_at
)::text AS line
FROM certificate WHERE settle_date BETWEEN $1 AND $2 ORDER BY settle_date, channel, version

-- name: acts
-- As `act_hash` has hashed them: the text whose hash is the act's, and the next act holds that hash.
WITH span AS (
    SELECT min(seq) AS first, max(seq) AS last FROM operator_act
    WHERE id >= ledger_first_id($1::date::timestamp AT TIME ZONE 'Asia/Shanghai')
        AND id < ledger_first_id(($2::date + 1)::timestamp AT TIME ZONE 'Asia/Shanghai')
)
SELECT jsonb_build_object('seq', a.seq, 'hash', encode(a.hash, 'hex'), 'hashed', json_build_array(
    encode(a.before, 'hex'), a.seq, a.id, to_char(a.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'),
    a.operator, a.act, a.target, a.reason, a.proposal, encode(a.digest, 'hex'), a.result_of, a.fen
)::text)::text AS line
FROM span s JOIN operator_act a ON a.seq BETWEEN s.first AND s.last
ORDER BY a.seq

-- name: proposals
SELECT jsonb_build_object(
    'id', id, 'kind', kind, 'target', target, 'content', content, 'hash', encode(hash, 'hex'), 'reason', reason,
    'proposed_by', proposed_by, 'proposed_at', proposed_at, 'decision', decision, 'decided_by', decided_by,
    'decided_at', decided_at, 'result', result, 'done_at', done_at
)::text AS line
FROM proposal_standing
WHERE proposed_at >= $1::date::timestamp AT TIME ZONE 'Asia/Shanghai'
    AND proposed_at < ($2::date + 1)::timestamp AT TIME ZONE 'Asia/Shanghai'
ORDER BY id

-- name: releases
-- Tables of routes and of account types that were made, live or ended up to the end of the period.
SELECT to_jsonb(r)::text AS line FROM table_release r
WHERE r.made_at < ($2::date + 1)::timestamp AT TIME ZONE 'Asia/Shanghai'
    AND (r.ended_at IS NULL OR r.ended_at >= $1::date::timestamp AT TIME ZONE 'Asia/Shanghai')
ORDER BY r.version

-- name: column_maps
SELECT to_jsonb(m)::text AS line FROM column_map m
WHERE m.made_at < ($2::date + 1)::timestamp AT TIME ZONE 'Asia/Shanghai' AND $1::date IS NOT NULL
ORDER BY m.name, m.version

-- name: fee_rules
SELECT to_jsonb(f)::text AS line FROM agreed_fee f
WHERE f.agreed_at < ($2::date + 1)::timestamp AT TIME ZONE 'Asia/Shanghai' AND $1::date IS NOT NULL
ORDER BY f.id

-- name: breaks
SELECT
    id, class, channel, settle_date, key, intent, ours, theirs, difference, note, template, voucher, opened_at, cured_on,
    cure, cure_voucher, cleared_at, cleared_by
FROM break WHERE settle_date BETWEEN $1 AND $2 ORDER BY settle_date, id

-- name: adjustments
SELECT to_jsonb(a)::text AS line FROM adjustment a
WHERE a.business_date BETWEEN $1 AND $2 ORDER BY a.id

-- name: closes
-- Every close and re-opening that is about the period or a later one.
SELECT to_jsonb(b)::text AS line FROM books_request b
WHERE b.business_date >= $1 AND $2::date IS NOT NULL AND b.ended_at IS NOT NULL ORDER BY b.id

-- name: seals
-- What the auditor found last on each day.
SELECT jsonb_build_object('day', d.day::date, 'at', s.at, 'ok', s.ok, 'figures', s.figures)::text AS line
FROM generate_series($1::date::timestamp, $2::date::timestamp, interval '1 day') AS d (day)
CROSS JOIN LATERAL (
    SELECT r.* FROM audit_result r
    WHERE r.at >= d.day AT TIME ZONE 'Asia/Shanghai' AND r.at < (d.day + interval '1 day') AT TIME ZONE 'Asia/Shanghai'
    ORDER BY r.at DESC LIMIT 1
) s
ORDER BY d.day

-- name: payments
-- Asked for in the period. The order number is the merchant's own; payer and payee by the last digits of the account.
SELECT
    id, kind, merchant, order_no, amount, fee, original, account_tail, channel, channel_order_no, channel_ref, state, code,
    business_date, settle_date, m.matched_on, arrived_seq, settlement, voucher, undo_voucher, template, created_at, decided_at,
    returned_at
FROM intent LEFT JOIN intent_match m ON m.intent = id
WHERE created_at >= $1::date::timestamp AT TIME ZONE 'Asia/Shanghai'
    AND created_at < ($2::date + 1)::timestamp AT TIME ZONE 'Asia/Shanghai'
ORDER BY id
