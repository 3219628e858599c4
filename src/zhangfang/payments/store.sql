-- name: insert_intents
WITH asked AS (
    SELECT * FROM unnest(
        $1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::bigint[], $8::bigint[],
        $9::text[], $10::uuid[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::timestamptz[],
        $17::date[], $18::text[], $19::uuid[], $20::uuid[], $21::text[], $22::timestamptz[], $23::timestamptz[],
        $24::text[], $25::int[], $26::text[], $27::text[], $28::uuid[], $29::text[], $30::uuid[], $31::int[],
        $32::timestamptz[], $33::uuid[], $34::text[], $35::text[], $36::text[], $37::bigint[], $38::bigint[]
    ) AS t (
        id, kind, merchant, order_no, idempotency_key, request_digest, amount, fee,
        description, original, account_token, account_tail, return_url, channel, channel_order_no, requested_at,
        business_date, template, voucher, undo_voucher, state, next_action_at, created_at,
        product, instalments, fee_by, account_type, mandate, agreement, batch, table_version, parked_since,
        fee_rule, fee_taken, shares, refund_from, shared, surcharge
    )
), made AS (
    INSERT INTO intent (
        id, kind, merchant, order_no, idempotency_key, request_digest, amount, fee,
        description, original, account_token, account_tail, return_url, channel, channel_order_no, requested_at,
        business_date, template, voucher, undo_voucher, state, next_action_at, created_at,
        product, instalments, fee_by, account_type, mandate, agreement, batch, table_version, parked_since,
        fee_rule, fee_taken, shares, refund_from, shared, surcharge, updated_at, lease_until
    )
    SELECT
        *, created_at,
        -- The process that stores it continues at once, so it gets a lease. A payer at the cashier and an item of a
        -- batch need none.
        CASE WHEN state <> 'REDIRECTED' AND batch IS NULL THEN clock_timestamp() + '10 s'::interval END
    FROM asked
    ON CONFLICT DO NOTHING
    RETURNING id
), noted AS (
    INSERT INTO step (id, intent, at, kind, state, message)
    SELECT s.id, s.intent, s.at, s.kind, s.state, s.message
    FROM unnest($39::uuid[], $40::uuid[], $41::timestamptz[], $42::text[], $43::text[], $44::text[])
        AS s (id, intent, at, kind, state, message)
    JOIN made ON made.id = s.intent
), parts AS (
    INSERT INTO split (id, payment, receiver, amount, created_at)
    SELECT gen_random_uuid(), a.id, p.one ->> 0, (p.one ->> 1)::bigint, a.created_at
    FROM asked a JOIN made ON made.id = a.id CROSS JOIN LATERAL jsonb_array_elements(nullif(a.shares, '')::jsonb) AS p (one)
    WHERE a.original IS NULL
), back AS (
    INSERT INTO split_back (id, split, refund, payment, receiver, amount, available)
    SELECT gen_random_uuid(), s.id, a.id, a.original, s.receiver, (p.one ->> 1)::bigint, (p.one ->> 2)::boolean
    FROM asked a JOIN made ON made.id = a.id CROSS JOIN LATERAL jsonb_array_elements(nullif(a.shares, '')::jsonb) AS p (one)
    JOIN split s ON s.payment = a.original AND s.receiver = p.one ->> 0
    WHERE a.original IS NOT NULL
)
SELECT id FROM made

-- name: apply
-- Applies evidence to intents in one commit: moves the state if it is still as it was read (or just open, if the
-- evidence is decisive), reduces the original's refund counters after a failure, stores steps and webhooks. An attempt
-- to send (it has a fence) is stored only by the holder of the lease, which then starts again.
WITH said AS (
    SELECT * FROM unnest(
        $1::uuid[], $2::text[], $3::text[], $4::boolean[], $5::date[], $6::text[], $7::text[], $8::text[],
        $9::timestamptz[], $10::int[], $11::int[], $12::bigint[], $13::timestamptz[], $14::boolean[],
        $15::bigint[], $16::timestamptz[], $17::int[]
    ) AS t (
        id, prior, state, decisive, settle_date, channel_ref, code, message,
        next_action_at, queried, not_found, seq, at, release,
        fence, requested_at, attempt
    )
), held AS MATERIALIZED (
    -- Rows are locked in one order everywhere: a payment before what undoes it, and each kind by id.
    SELECT i.id FROM intent i
    WHERE i.id IN (
        SELECT id FROM said
        UNION ALL
        SELECT r.original FROM said s JOIN intent r ON r.id = s.id
        WHERE r.original IS NOT NULL AND s.state IN ('SUCCESS', 'FAILED', 'REFUSED')
    )
    ORDER BY i.original IS NOT NULL, i.id FOR NO KEY UPDATE
), moved AS (
    UPDATE intent i SET
        state = s.state,
        settle_date = coalesce(s.settle_date, i.settle_date),
        channel_ref = coalesce(nullif(s.channel_ref, ''), i.channel_ref),
        code = coalesce(nullif(s.code, ''), i.code),
        message = coalesce(nullif(s.message, ''), i.message),
        ledger_seq = coalesce(s.seq, i.ledger_seq),
        unknown_since = CASE WHEN s.state = 'UNKNOWN' THEN coalesce(i.unknown_since, s.at) ELSE i.unknown_since END,
        decided_at = CASE WHEN s.decisive THEN s.at END,
        queries = i.queries + s.queried,
        not_found = s.not_found,
        next_action_at = s.next_action_at,
        requested_at = coalesce(s.requested_at, i.requested_at),
        lease_until = CASE
            WHEN s.fence IS NOT NULL THEN clock_timestamp() + '10 s'::interval
            WHEN s.release THEN NULL
            ELSE i.lease_until
        END,
        updated_at = s.at
    FROM said s
    WHERE i.id = s.id AND (SELECT count(*) FROM held) > 0 AND i.attempt = s.attempt AND i.ending IS NULL
        AND (s.fence IS NULL OR i.fence = s.fence) AND (
        i.state = s.prior
        OR s.decisive AND i.state IN (
            'CREATED', 'PARKED', 'REDIRECTED', 'SENDING', 'ACCEPTED', 'UNKNOWN', 'MANUAL'
        )
    )
    RETURNING i.id, i.kind, i.merchant, i.amount, i.fee, i.original, i.state
), undone AS (
    UPDATE intent o SET
        refunded = o.refunded - back.amount,
        fee_refunded = o.fee_refunded - back.fee,
        voided = o.voided OR back.voided
    FROM (
        SELECT
            original,
            coalesce(sum(amount) FILTER (WHERE state IN ('FAILED', 'REFUSED')), 0)::bigint AS amount,
            coalesce(sum(fee) FILTER (WHERE state IN ('FAILED', 'REFUSED')), 0)::bigint AS fee,
            bool_or(kind = 'void' AND state = 'SUCCESS') AS voided
        FROM moved
        WHERE original IS NOT NULL AND state IN ('SUCCESS', 'FAILED', 'REFUSED')
        GROUP BY original
    ) AS back
    WHERE o.id = back.original
), noted AS (
    INSERT INTO step (id, intent, at, kind, verdict, state, code, message, raw)
    SELECT s.id, s.intent, s.at, s.kind, s.verdict, CASE WHEN m.id IS NULL THEN '' ELSE s.state END,
        s.code, s.message, s.raw
    FROM unnest(
        $18::uuid[], $19::uuid[], $20::timestamptz[], $21::text[], $22::text[], $23::text[], $24::text[],
        $25::text[], $26::text[]
    ) AS s (id, intent, at, kind, verdict, state, code, message, raw)
    LEFT JOIN moved m ON m.id = s.intent
    WHERE s.kind <> 'ledger' OR m.id IS NOT NULL -- a booking is noted by the change that it moved, once
), told AS (
    INSERT INTO webhook (id, merchant, intent, event, payload, next_action_at, created_at)
    SELECT w.id, m.merchant, m.id, w.event, w.payload, w.at, w.at
    FROM unnest($27::uuid[], $28::uuid[], $29::text[], $30::text[], $31::timestamptz[])
        AS w (id, intent, event, payload, at)
    JOIN moved m ON m.id = w.intent
    JOIN webhook_endpoint e ON e.merchant = m.merchant
    ON CONFLICT DO NOTHING
)
SELECT id FROM moved

-- name: add_steps
INSERT INTO step (id, intent, at, kind, verdict, state, code, message, raw)
SELECT * FROM unnest(
    $1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[]
)
ON CONFLICT DO NOTHING

-- name: by_ids
SELECT * FROM intent WHERE id = ANY($1::uuid[])

-- name: by_channel_orders
SELECT * FROM intent WHERE channel_order_no = ANY($1::text[])

-- name: of_merchant
SELECT * FROM intent WHERE merchant = $1 AND id = $2

-- name: by_key
SELECT * FROM intent WHERE merchant = $1 AND idempotency_key = $2

-- name: by_order
SELECT * FROM intent WHERE merchant = $1 AND kind = $2 AND order_no = $3

-- name: begin_ending
-- From here on no evidence moves it. $11 and $12: only if it is still in this state, and under this fence.
UPDATE intent SET
    ending = $3, next_channel = $4, next_version = $5, code = coalesce(nullif($6, ''), code),
    message = coalesce(nullif($7, ''), message), channel_ref = coalesce(nullif($8, ''), channel_ref),
    next_action_at = $9, updated_at = $10
WHERE id = $1 AND attempt = $2 AND ending IS NULL AND state NOT IN ('SUCCESS', 'FAILED', 'REFUSED', 'CLOSED')
    AND ($11::text IS NULL OR state = $11) AND ($12::bigint IS NULL OR fence = $12)
RETURNING id

-- name: finish_ending
-- What it undoes is locked first: its end changes what was refunded of that.
WITH held AS MATERIALIZED (
    SELECT o.id FROM intent o WHERE o.id = (SELECT original FROM intent WHERE id = $1) FOR NO KEY UPDATE
)
UPDATE intent SET ending = NULL
WHERE id = $1 AND (SELECT count(*) FROM held) >= 0 AND attempt = $2 AND ending IS NOT NULL
RETURNING id

-- name: lock_of_merchant
SELECT * FROM intent WHERE merchant = $1 AND id = $2 FOR UPDATE

-- name: count_refund
UPDATE intent SET refunded = refunded + $2, fee_refunded = fee_refunded + $3, updated_at = $4 WHERE id = $1

-- name: mark_returned
UPDATE intent SET returned_at = $2, updated_at = $2, ledger_seq = greatest(ledger_seq, $3)
WHERE id = $1 AND returned_at IS NULL AND state = 'SUCCESS'
RETURNING id

-- name: tell
INSERT INTO webhook (id, merchant, intent, event, payload, next_action_at, created_at)
SELECT $1, $2, $3, $4, $5, $6, $6 FROM webhook_endpoint e WHERE e.merchant = $2
ON CONFLICT DO NOTHING

-- name: open_contradiction
INSERT INTO break (
    id, class, channel, settle_date, key, intent, ours, theirs, difference, note, template, voucher, opened_at,
    cure_voucher
) VALUES ($1, 'contradiction', $2, $3, $4, $5, $6, $7, 0, $8, '', $9, $10, $11)
ON CONFLICT DO NOTHING

-- name: list_of_merchant
-- The newest of each kind, and of these the newest: so no more is read than is shown.
SELECT i.* FROM unnest($2::text[]) AS k (kind)
CROSS JOIN LATERAL (
    SELECT * FROM intent WHERE merchant = $1 AND kind = k.kind AND id < $3 ORDER BY id DESC LIMIT $4
) i
ORDER BY i.id DESC LIMIT $4

-- name: steps
SELECT * FROM step WHERE intent = $1 ORDER BY id

-- name: stops
SELECT channel, operation FROM channel_stop

-- name: fill_in
-- A payment that is in the channel's file but not in the journal: stored as SUCCESS and as matched with that file. If
-- the merchant's number is taken (somebody paid the same order twice), the channel order number is used instead.
WITH made AS (
    INSERT INTO intent (
        id, kind, merchant, order_no, idempotency_key, request_digest, amount, fee, description, channel,
        channel_order_no, requested_at, business_date, template, voucher, undo_voucher, state, channel_ref, settle_date,
        decided_at, created_at, updated_at, fee_rule, fee_taken
    )
    SELECT
        $1, 'collection', $2,
        CASE WHEN EXISTS (SELECT FROM intent WHERE merchant = $2 AND kind = 'collection' AND order_no = $3)
            THEN $9 ELSE $3
        END,
        $4, $5, $6, $7, 'filled in from the channel''s file', $8,
        $9, $10, $11, 'B2', $12, $13, 'SUCCESS', $14, $11,
        $10, $10, $10, $15, $16
    ON CONFLICT (id) DO NOTHING
    RETURNING id, settle_date
)
INSERT INTO intent_match (intent, matched_on) SELECT id, settle_date FROM made

-- name: closed_through
SELECT max(closed_through) FROM head

-- name: used_of_mandates
-- Mandate by mandate, so that no plan reads what others have used.
SELECT m.id AS mandate, used.day, used.amount
FROM unnest($1::uuid[]) AS m (id)
CROSS JOIN LATERAL (
    SELECT (created_at AT TIME ZONE 'Asia/Shanghai')::date AS day, sum(amount)::bigint AS amount
    FROM intent
    WHERE mandate = m.id AND created_at >= $2 AND state NOT IN ('FAILED', 'REFUSED', 'CLOSED')
    GROUP BY day
) AS used

-- name: repeated_collections
SELECT a.id FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS a (id, merchant, key, order_no)
WHERE EXISTS (SELECT FROM intent i WHERE i.merchant = a.merchant AND i.idempotency_key = a.key)
    OR EXISTS (
        SELECT FROM intent i WHERE i.merchant = a.merchant AND i.kind = 'collection' AND i.order_no = a.order_no
    )

-- name: tried
-- Channels where it failed definitely. One that nothing was sent to may be tried again.
SELECT coalesce(array_agg(channel), '{}') FROM attempt WHERE intent = $1 AND sent

-- name: never_reached
SELECT channel FROM attempt a
WHERE intent = $1 AND NOT sent AND channel <> $2
    AND NOT EXISTS (SELECT FROM attempt b WHERE b.intent = a.intent AND b.channel = a.channel AND b.sent)
ORDER BY number DESC LIMIT 1

-- name: unpark
UPDATE intent SET
    state = 'CREATED', table_version = $2, parked_since = NULL, next_action_at = $3, lease_until = NULL, updated_at = $3
WHERE id = $1 AND state = 'PARKED' AND fence = $4 AND ending IS NULL

-- name: hold_back
-- It may not be sent now. If nothing was sent it is parked; otherwise it stays as it is and is looked at again.
UPDATE intent SET
    state = CASE WHEN state = 'CREATED' THEN 'PARKED' ELSE state END,
    parked_since = CASE WHEN state = 'CREATED' THEN $4 ELSE parked_since END,
    message = $3, next_action_at = $5, lease_until = NULL, updated_at = $4
WHERE id = $1 AND fence = $2 AND state NOT IN ('SUCCESS', 'FAILED', 'REFUSED', 'CLOSED') AND ending IS NULL

-- name: look_at_parked
UPDATE intent SET next_action_at = $2, lease_until = NULL WHERE id = $1 AND state = 'PARKED'

-- name: keep_attempt
INSERT INTO attempt (
    intent, number, channel, channel_order_no, requested_at, business_date, voucher, undo_voucher, sent, code, message,
    ended_at
)
SELECT id, attempt, channel, channel_order_no, requested_at, business_date, voucher, undo_voucher, $2, $3, $4, $5
FROM intent WHERE id = $1

-- name: next_attempt
UPDATE intent SET
    state = 'CREATED', attempt = attempt + 1, channel = $2, table_version = $3, channel_order_no = $4, voucher = $5,
    undo_voucher = $6, channel_ref = NULL, queries = 0, not_found = 0, absent_since = NULL, unknown_since = NULL,
    parked_since = NULL, next_channel = NULL, next_version = NULL, next_action_at = $7, lease_until = NULL,
    fence = fence + 1, updated_at = $7
WHERE id = $1

-- name: attempt_of_order
SELECT a.*, i.merchant, i.amount, i.kind, i.order_no
FROM attempt a JOIN intent i ON i.id = a.intent
WHERE a.channel_order_no = $1

-- name: parked
SELECT * FROM intent WHERE state = 'PARKED' ORDER BY parked_since, id

-- name: active_merchants
SELECT count(*)::int FROM merchant WHERE id = ANY($1::text[]) AND state = 'active'

-- name: elsewhere
-- Receivers $2 whose accounts are on no shard of the ledger that has the seller's.
SELECT r.id FROM unnest($2::text[]) AS r (id)
WHERE EXISTS (
    SELECT FROM head h JOIN account a ON a.shard = h.shard AND a.book = 1 AND a.code = 2321 AND a.subject = r.id
) AND NOT EXISTS (
    SELECT FROM head h
    JOIN account a ON a.shard = h.shard AND a.book = 1 AND a.code = 2321 AND a.subject = r.id
    JOIN account s ON s.shard = h.shard AND s.book = 1 AND s.code = 2321 AND s.subject = $1
)

-- name: parts_of
-- The parts of a payment, locked, with what open and successful refunds took back of each.
SELECT
    s.id, s.receiver, s.amount, s.settlement IS NOT NULL AS available, (
        SELECT coalesce(sum(b.amount), 0) FROM split_back b JOIN intent r ON r.id = b.refund
        WHERE b.split = s.id AND r.state NOT IN ('FAILED', 'REFUSED')
    )::bigint AS back
FROM split s WHERE s.payment = $1 ORDER BY s.id
FOR UPDATE OF s

-- name: from_reserve
-- The available money does not cover it, and the ledger remembers that under its voucher: another voucher, another source.
UPDATE intent SET template = 'R3.guarantee', voucher = $3, updated_at = $4
WHERE id = $1 AND template = 'R2' AND voucher = $2 AND state = 'CREATED' AND ending IS NULL

-- name: from_own_funds
-- What is advanced of it: to the merchant ($5, then it is R3), and to receivers of its parts ($6, which $7 and $8 say one by one).
-- Where the refund has got another voucher meanwhile, nothing changes: its parts stay as that voucher books them.
WITH changed AS (
    UPDATE intent SET
        template = CASE WHEN $5 > 0 THEN 'R3' ELSE template END, voucher = $3, updated_at = $4, advanced = $5, shares = $6
    WHERE id = $1 AND voucher = $2 AND state = 'CREATED' AND ending IS NULL
    RETURNING id
)
UPDATE split_back b SET advanced = p.fen
FROM changed, unnest($7::text[], $8::bigint[]) AS p (receiver, fen)
WHERE b.refund = changed.id AND b.receiver = p.receiver
