-- name: intents
-- One proven collection for each n from $1 to $2.
INSERT INTO intent (
    id, kind, merchant, order_no, idempotency_key, request_digest, amount, fee, description, channel, channel_order_no,
    requested_at, business_date, template, voucher, undo_voucher, state, channel_ref, settle_date, decided_at, created_at,
    updated_at
)
SELECT
    i.id, 'collection', 'mer_' || n % 1000, 'M' || n, 'M' || n, '', 1000 + n % 977, 6, '', 'unionpay', replace(i.id::text, '-', ''),
    $4, $3, 'P2', v.id, u.id, 'SUCCESS', 'Q' || n, $3, $4, $4, $4
FROM generate_series($1::bigint, $2::bigint) n,
    LATERAL (SELECT ('01990000-0000-7000-8000-' || lpad(to_hex(n), 10, '0') || '00')::uuid AS id) i,
    LATERAL (SELECT ('01990000-0000-7001-8000-' || lpad(to_hex(n), 10, '0') || '00')::uuid AS id) v,
    LATERAL (SELECT ('01990000-0000-7002-8000-' || lpad(to_hex(n), 10, '0') || '00')::uuid AS id) u

-- name: for_many
SELECT set_config('work_mem', '256MB', false), set_config('maintenance_work_mem', '256MB', false)

-- name: ours
SELECT channel_order_no AS order_no, amount, kind, state FROM intent ORDER BY id

-- name: theirs
-- The canonical file, in the order of time but for the lines of a few seconds. Of each thousand payments one is left out, one
-- has a fen more, one is listed twice; and with one each come a line of nobody and a row that nobody can read.
WITH line AS (
    SELECT n, 'plain' AS what FROM generate_series(1, $1::bigint) n WHERE n % 1000 <> 1
    UNION ALL SELECT n, 'twice' FROM generate_series(3, $1::bigint, 1000) n
    UNION ALL SELECT n, 'nobody' FROM generate_series(4, $1::bigint, 1000) n
    UNION ALL SELECT n, 'unread' FROM generate_series(5, $1::bigint, 1000) n
)
SELECT
    row_number() OVER (ORDER BY n / 5000, hashint8(n), what) AS line_no,
    CASE what
        WHEN 'unread' THEN '' WHEN 'nobody' THEN 'nobody' || n
        ELSE '0199000000007000' || '8000' || lpad(to_hex(n), 10, '0') || '00'
    END AS order_no,
    CASE what WHEN 'unread' THEN '' WHEN 'nobody' THEN 'N' || n ELSE 'Q' || n END AS channel_ref,
    CASE WHEN what <> 'unread' THEN 'collection' END AS operation,
    CASE WHEN what = 'unread' THEN 0 ELSE 1000 + n % 977 + (n % 1000 = 2)::int END AS amount,
    what <> 'unread' AS credit, CASE WHEN what = 'unread' THEN 0 ELSE 2 END AS fee, false AS adjustment,
    '' AS original_order_no, 'M' || n AS note,
    'collection|' || n || '|' || 1000 + n % 977 || '|20260901101500|CNY|6222****0018|M' || n AS raw,
    CASE WHEN what = 'unread' THEN 'row ' || n ELSE '' END AS unread
FROM line

-- name: breaks
-- What was found, with what tells one planted thing from another.
SELECT
    class || ' ' || CASE class
        WHEN 'unread' THEN note WHEN 'missing_there' THEN key WHEN 'amount_differs' THEN key ELSE split_part(key, '/', 1)
    END AS found
FROM break

-- name: matched
SELECT count(*) FROM intent_match

-- name: backends
SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'
