-- Amounts are fen; `fen` is debit less credit. `shared` stands before every other statement.

-- name: shared
WITH entry AS NOT MATERIALIZED (
    -- Both sides of every posted movement. Flags: 2 a hold, 8 its release, 64 no movement at all.
    SELECT t.shard, t.seq, t.voucher, t.business_date, a.book, a.code, a.subject, s.account, s.fen, s.balance
    FROM transfer t
    CROSS JOIN LATERAL (VALUES (t.debit, t.amount, t.debit_balance), (t.credit, -t.amount, t.credit_balance))
        AS s (account, fen, balance)
    JOIN account a ON a.shard = t.shard AND a.id = s.account
    WHERE t.flags & 74 = 0
), owner AS NOT MATERIALIZED (
    -- Every voucher's id is stored before it is posted; this is where, and the day to which its row belongs.
    SELECT voucher, id AS intent, NULL::date AS day, NULL::text AS break FROM intent
    UNION ALL SELECT undo_voucher, id, NULL, NULL FROM intent
    UNION ALL SELECT voucher, intent, NULL, NULL FROM attempt
    UNION ALL SELECT undo_voucher, intent, NULL, NULL FROM attempt
    UNION ALL SELECT v, NULL, f.settle_date, NULL
    FROM channel_file f
    CROSS JOIN LATERAL unnest(
        ARRAY[
            f.pay_in_voucher, f.refund_voucher, f.fee_voucher, f.void_voucher, f.arrival_voucher, f.payout_voucher,
            f.return_voucher
        ]
    ) AS v
    UNION ALL SELECT v, NULL, f.settle_date, NULL FROM file_version f CROSS JOIN LATERAL unnest(f.vouchers) AS v
    UNION ALL SELECT voucher, intent, settle_date, key FROM break
    UNION ALL SELECT cure_voucher, coalesce(identified, intent), cured_on, key
    FROM break WHERE cure <> 'B2' -- B2's is the filled-in intent's
    UNION ALL SELECT voucher, intent, business_date, NULL FROM bank_line
    UNION ALL SELECT voucher, NULL, run_date, NULL FROM settlement
    UNION ALL SELECT id, payment, business_date, NULL FROM split_order
    UNION ALL SELECT unnest(ids), NULL, NULL, NULL FROM task
    UNION ALL SELECT v, NULL, NULL, NULL FROM fee_bill b CROSS JOIN LATERAL (VALUES (b.voucher), (b.paid_voucher)) AS x (v)
    UNION ALL SELECT voucher, NULL, month, NULL FROM fee_vat
    UNION ALL SELECT id, NULL, business_date, NULL FROM adjustment
    UNION ALL SELECT id, NULL, business_date, NULL FROM advance
), fact AS (
    -- What an intent has moved: `booked` its first voucher, `undone` and `returned` its second. A final state says so
    -- by itself. While a step is under way the ledger comes first and the row follows, so then the voucher decides,
    -- and the figures hold at any moment; that its amounts are right is checked all the same. A pay-in that ended
    -- without success may have been booked by other evidence before: then both its vouchers have to be there.
    SELECT
        i.*,
        CASE
            WHEN i.state = 'SUCCESS' THEN true
            WHEN i.kind IN ('purchase', 'collection') THEN p.first
            WHEN i.state = 'REFUSED' THEN false
            ELSE p.first OR i.state NOT IN ('CREATED', 'PARKED', 'SENDING') OR i.state = 'SENDING' AND i.kind <> 'payout'
        END AS booked,
        CASE
            WHEN i.state IN ('SUCCESS', 'REFUSED') THEN false
            WHEN i.kind IN ('purchase', 'collection') AND i.state IN ('FAILED', 'CLOSED') THEN p.first
            WHEN i.state = 'FAILED' THEN true
            ELSE p.second
        END AS undone,
        i.kind = 'payout' AND i.state = 'SUCCESS' AND (
            i.returned_at IS NOT NULL OR p.second
        ) AS returned,
        -- a merchant's claim: on pending money (2321), or on available (2322) once the payment was settled
        -- (a double that was settled: U2) or on its reserve (2323), or on nobody's, where money in suspense goes back to its
        -- payer (B3, R4, X4), or the company's own money leaves (D4)
        CASE
            WHEN i.template IN ('B3', 'R4', 'X4', 'D4') THEN NULL
            WHEN i.kind = 'payout' OR i.template IN ('R2', 'R3', 'U2') THEN 2322
            WHEN i.template = 'R3.guarantee' THEN 2323
            ELSE 2321
        END AS claim,
        CASE WHEN i.kind = 'payout' THEN 3014 ELSE 3013 END AS transit,
        -- what it moves on the claim: with its fee, unless that is taken at settlement (`later`)
        CASE
            WHEN i.kind = 'payout' THEN i.amount + i.fee
            WHEN i.fee_taken = '' THEN i.amount - i.fee - i.advanced ELSE i.amount - i.advanced
        END AS net,
        CASE WHEN i.kind <> 'payout' AND i.fee_taken <> '' THEN i.fee ELSE 0 END AS later
    FROM intent i
    CROSS JOIN LATERAL (
        SELECT
            EXISTS (SELECT FROM transfer t WHERE t.voucher = i.voucher AND t.flags & 74 = 0) AS first,
            EXISTS (SELECT FROM transfer t WHERE t.voucher = i.undo_voucher AND t.flags & 74 = 0) AS second
    ) AS p
), paid AS (
    -- Bank lines of payouts: what left (O5), and what came back (O8).
    SELECT b.voucher, i.channel, b.credit, b.amount AS on_line, i.amount AS asked, i.template IN ('X4', 'D4') AS nobodys
    FROM bank_line b
    JOIN intent i ON i.id = b.intent AND i.kind = 'payout'
    WHERE b.posted_at IS NOT NULL
        OR EXISTS (SELECT FROM transfer t WHERE t.voucher = b.voucher AND t.flags & 74 = 0)
), channel_paid AS (
    -- Payouts in channels' files: what left (S3), and what came back (S11).
    SELECT l.channel, l.settle_date, l.status = 'returned' AS back, i.amount
    FROM placed_line l
    JOIN intent i ON i.id = l.intent AND i.kind = 'payout'
    WHERE l.status IN ('matched', 'late', 'returned')
)

-- name: sequence_breaks
-- The sequence has no gap and no number twice, and ends where `head` stands.
SELECT shard, seq, before + 1 AS expected
FROM (SELECT shard, seq, lag(seq, 1, 0::bigint) OVER (PARTITION BY shard ORDER BY seq) AS before FROM transfer) AS t
WHERE seq <> before + 1
UNION ALL
SELECT h.shard, h.seq, coalesce(max(t.seq), 0)
FROM head h LEFT JOIN transfer t ON t.shard = h.shard
GROUP BY h.shard, h.seq
HAVING h.seq <> coalesce(max(t.seq), 0)
ORDER BY 1, 2

-- name: balance_breaks
-- The first entry of each account whose stored running balance is not the sum of the entries up to it.
SELECT DISTINCT ON (shard, account) code, subject, seq, voucher, balance, due
FROM (
    SELECT *, (sum(fen) OVER (PARTITION BY shard, account ORDER BY seq))::bigint AS due FROM entry
) AS e
WHERE balance <> due
ORDER BY shard, account, seq

-- name: checkpoint_breaks
-- Accounts whose checkpoint is not the sum of the entries up to it: a writer that starts would believe it.
SELECT a.code, a.subject, a.as_of_seq AS seq, a.debits - a.credits AS balance, coalesce(sum(e.fen), 0)::bigint AS due
FROM account a
LEFT JOIN entry e ON e.shard = a.shard AND e.account = a.id AND e.seq <= a.as_of_seq
GROUP BY a.shard, a.id
HAVING a.debits - a.credits <> coalesce(sum(e.fen), 0)
ORDER BY a.code, a.subject

-- name: unowned
-- Postings whose voucher no row holds: nobody can say what they are for.
SELECT e.voucher, min(e.seq) AS seq, e.code, e.subject, sum(e.fen)::bigint AS fen
FROM entry e
WHERE NOT EXISTS (SELECT FROM owner o WHERE o.voucher = e.voucher)
GROUP BY e.voucher, e.code, e.subject
ORDER BY seq, e.code, e.subject

-- name: cash
-- Our own book of the bank accounts: each posting of 1003 is one line of a statement.
SELECT subject, business_date::text AS day, sum(fen)::bigint AS fen, voucher, min(seq) AS seq
FROM entry WHERE code = 1003
GROUP BY subject, business_date, voucher
ORDER BY seq

-- name: channel_positions
-- What a channel owes us by our books: 3011 + 3012 + 1242 less 3013, whose balance is a credit; and less the payouts
-- that it makes itself (3014, 3015), which a bank takes from our account instead.
SELECT subject, sum(fen)::bigint AS fen FROM entry
WHERE code IN (3011, 3012, 3013, 1242)
    OR code IN (3014, 3015) AND subject NOT IN (SELECT a.subject FROM account a WHERE a.code = 1003)
GROUP BY subject ORDER BY subject

-- name: channel_orders
-- The same position by voucher: of an order, of a settlement date's transfer (`arrived`), or of anything else.
SELECT
    i.channel_order_no AS number, i.kind || ' ' || i.state AS state, f.settle_date::text AS arrived,
    e.voucher, sum(e.fen)::bigint AS fen
FROM entry e
LEFT JOIN owner o ON o.voucher = e.voucher
LEFT JOIN intent i ON i.id = o.intent
LEFT JOIN channel_file f ON f.arrival_voucher = e.voucher
WHERE e.code IN (3011, 3012, 3013, 1242, 3014, 3015) AND e.subject = $1
GROUP BY i.channel_order_no, i.kind, i.state, f.settle_date, e.voucher
HAVING sum(e.fen) <> 0
ORDER BY min(e.seq)

-- name: order_states
SELECT channel_order_no AS number, kind || ' ' || state AS state FROM intent WHERE channel_order_no = ANY($1::text[])

-- name: subledger_breaks
-- Postings on what merchants own and on what is in transit, against the payments, batches, files and bank lines that
-- make them. 2321 is thereby Σ lines in no batch, net of fee; 2322 batches less payouts and refunds; 3014 payouts sent
-- and on no bank line; 3013 refunds sent and in no file; 3015 returns on no bank line.
, batch AS (
    SELECT settlement AS id, sum(net - later) AS net, sum(later) AS later FROM (
        SELECT settlement, net, later FROM fact WHERE kind IN ('purchase', 'collection')
        UNION ALL SELECT settlement, -net, -later FROM fact WHERE template IN ('R1', 'V1', 'U1')
        UNION ALL SELECT undo_settlement, net, later FROM fact WHERE template IN ('R1', 'V1', 'U1')
        -- of a split payment: what receivers have and give back, for the seller and for themselves
        UNION ALL SELECT i.settlement, -s.amount, 0 FROM split s JOIN intent i ON i.id = s.payment
        UNION ALL SELECT s.settlement, s.amount, 0 FROM split s
        UNION ALL SELECT r.settlement, b.amount, 0 FROM split_back b JOIN intent r ON r.id = b.refund
        UNION ALL SELECT r.undo_settlement, -b.amount, 0 FROM split_back b JOIN intent r ON r.id = b.refund
        UNION ALL SELECT b.settlement, -b.amount, 0 FROM split_back b
        UNION ALL SELECT b.undo_settlement, b.amount, 0 FROM split_back b
    ) AS line
    GROUP BY settlement
), listed AS (
    -- refunds that a file lists: they leave 3013 in full, what the file has more or less stands in a break
    SELECT l.channel, l.settle_date, l.intent, i.amount
    FROM placed_line l
    JOIN intent i ON i.id = l.intent AND i.kind IN ('refund', 'void')
    WHERE l.status IN ('matched', 'late')
), tried AS (
    -- attempts that came to nothing, where they were booked all the same: then both vouchers have to be there
    SELECT
        a.voucher, a.undo_voucher, a.channel, i.kind, i.merchant, i.amount,
        CASE WHEN i.fee_taken = '' THEN i.fee ELSE 0 END AS fee
    FROM attempt a JOIN intent i ON i.id = a.intent
    WHERE EXISTS (SELECT FROM transfer t WHERE t.voucher = a.voucher AND t.flags & 74 = 0)
), cured AS (
    -- The payment is the break's, or the one that two people have named; money without a payment is given to a merchant.
    SELECT
        b.cure, b.cure_voucher, b.difference, b.identified IS NOT NULL AS identified, i.id AS payment, i.channel, i.merchant, i.amount,
        i.fee, CASE WHEN i.fee_taken = '' THEN i.fee ELSE 0 END AS taken, coalesce(b.proposed_for, i.merchant) AS given_to
    FROM break b
    LEFT JOIN intent i ON i.id = coalesce(b.identified, b.intent)
    WHERE b.cure IN ('B6', 'R5', 'O6', 'X3.2322', 'X3.3015', 'X3.debit.3013', 'X3.debit.3014', 'B2.return')
        AND (
            b.cleared_at IS NOT NULL
            OR EXISTS (SELECT FROM transfer t WHERE t.voucher = b.cure_voucher AND t.flags & 74 = 0)
        )
), line AS (
    SELECT voucher, 2321 AS code, merchant AS subject, -net AS fen
    FROM fact WHERE booked AND kind IN ('purchase', 'collection')
    UNION ALL SELECT undo_voucher, 2321, merchant, net FROM fact WHERE undone AND kind IN ('purchase', 'collection')
    UNION ALL SELECT voucher, claim, merchant, net
    FROM fact WHERE booked AND kind IN ('refund', 'void', 'payout') AND claim IS NOT NULL
    UNION ALL SELECT voucher, transit, channel, -amount FROM fact WHERE booked AND kind IN ('refund', 'void', 'payout')
    UNION ALL SELECT undo_voucher, claim, merchant, -net
    FROM fact WHERE undone AND kind IN ('refund', 'void', 'payout') AND claim IS NOT NULL
    UNION ALL SELECT undo_voucher, transit, channel, amount
    FROM fact WHERE undone AND kind IN ('refund', 'void', 'payout')
    UNION ALL SELECT undo_voucher, 2322, merchant, -amount FROM fact WHERE returned AND claim IS NOT NULL
    UNION ALL SELECT undo_voucher, 3015, channel, amount FROM fact WHERE returned
    UNION ALL SELECT voucher, CASE WHEN credit THEN 3015 ELSE 3014 END, channel, CASE WHEN credit THEN -asked ELSE asked END
    FROM paid
    UNION ALL SELECT one.voucher, side.code, side.subject, one.sign * side.fen
    FROM tried t
    CROSS JOIN LATERAL (VALUES (t.voucher, 1), (t.undo_voucher, -1)) AS one (voucher, sign)
    CROSS JOIN LATERAL (
        SELECT 2322, t.merchant, t.amount + t.fee WHERE t.kind = 'payout'
        UNION ALL SELECT 3014, t.channel, -t.amount WHERE t.kind = 'payout'
        UNION ALL SELECT 2321, t.merchant, t.fee - t.amount WHERE t.kind <> 'payout'
    ) AS side (code, subject, fen)
    UNION ALL SELECT CASE WHEN p.back THEN f.return_voucher ELSE f.payout_voucher END,
        CASE WHEN p.back THEN 3015 ELSE 3014 END, f.channel, CASE WHEN p.back THEN -p.amount ELSE p.amount END
    FROM channel_file f JOIN channel_paid p ON p.channel = f.channel AND p.settle_date = f.settle_date
    WHERE f.matched_at IS NOT NULL OR EXISTS (
        SELECT FROM transfer t
        WHERE t.voucher = CASE WHEN p.back THEN f.return_voucher ELSE f.payout_voucher END AND t.flags & 74 = 0
    )
    UNION ALL SELECT f.refund_voucher, 3013, f.channel, l.amount
    FROM channel_file f JOIN listed l ON l.channel = f.channel AND l.settle_date = f.settle_date
    WHERE f.matched_at IS NOT NULL
        OR EXISTS (SELECT FROM transfer t WHERE t.voucher = f.refund_voucher AND t.flags & 74 = 0)
    UNION ALL SELECT f.void_voucher, 3013, f.channel, v.amount -- a voided pair that the channel leaves out of its file
    FROM channel_file f
    JOIN fact v ON v.kind = 'void' AND v.state = 'SUCCESS' AND v.channel = f.channel
    JOIN intent_match m ON m.intent = v.id AND m.matched_on = f.settle_date
    WHERE NOT EXISTS (SELECT FROM listed l WHERE l.intent = v.id) AND (
        f.matched_at IS NOT NULL
        OR EXISTS (SELECT FROM transfer t WHERE t.voucher = f.void_voucher AND t.flags & 74 = 0)
    )
    -- parts of payments (P9), and what receivers give back of them with a refund
    UNION ALL SELECT one.voucher, 2321, side.subject, one.sign * side.sign * s.amount
    FROM split s JOIN fact f ON f.id = s.payment
    LEFT JOIN split_order o ON o.id = s.split_order
    CROSS JOIN LATERAL (
        SELECT coalesce(o.id, f.voucher), 1 WHERE f.booked AND (
            o.id IS NULL OR o.state = 'DONE' OR EXISTS (SELECT FROM transfer t WHERE t.voucher = o.id AND t.flags & 74 = 0)
        )
        UNION ALL SELECT f.undo_voucher, -1 WHERE f.undone AND o.id IS NULL
    ) AS one (voucher, sign)
    CROSS JOIN LATERAL (VALUES (f.merchant, 1), (s.receiver, -1)) AS side (subject, sign)
    UNION ALL SELECT one.voucher, side.code, side.subject, one.sign * side.fen
    FROM split_back b JOIN fact f ON f.id = b.refund
    CROSS JOIN LATERAL (
        SELECT f.voucher, 1 AS sign WHERE f.booked UNION ALL SELECT f.undo_voucher, -1 WHERE f.undone
    ) AS one
    CROSS JOIN LATERAL (VALUES
        (CASE WHEN f.template IN ('R1', 'V1', 'U1') THEN 2321 ELSE 2322 END, f.merchant, -b.amount),
        (CASE WHEN b.available THEN 2322 ELSE 2321 END, b.receiver, b.amount - b.advanced), (1223, b.receiver, b.advanced)
    ) AS side (code, subject, fen)
    UNION ALL SELECT c.cure_voucher, side.code, side.subject, side.fen -- what two people have decided about a break
    FROM cured c
    CROSS JOIN LATERAL (
        SELECT 2321, c.merchant, c.amount - c.taken WHERE c.cure = 'B6'
        UNION ALL SELECT 2322, c.merchant, c.fee - c.amount WHERE c.cure = 'R5' AND c.merchant <> 'platform'
        UNION ALL SELECT 3013, c.channel, c.amount WHERE c.cure = 'R5'
        UNION ALL SELECT 2322, c.merchant, -c.amount - c.fee WHERE c.cure = 'O6'
        UNION ALL SELECT 3014, c.channel, c.amount WHERE c.cure IN ('O6', 'X3.debit.3014')
        UNION ALL SELECT 3013, c.channel, c.amount WHERE c.cure = 'X3.debit.3013' AND c.identified
        UNION ALL SELECT 3015, c.channel, -c.amount WHERE c.cure = 'X3.3015'
        UNION ALL SELECT 2322, c.given_to, -c.difference WHERE c.cure IN ('X3.2322', 'B2.return')
    ) AS side (code, subject, fen)
    UNION ALL SELECT c.cure_voucher, 2321, side.subject, side.fen -- the parts of a false success come back first
    FROM cured c JOIN split p ON p.payment = c.payment
    CROSS JOIN LATERAL (VALUES (p.receiver, p.amount), (c.merchant, -p.amount)) AS side (subject, fen)
    WHERE c.cure = 'B6'
    -- what the lines come to, with what is carried to later batches and without what is set off for earlier ones; of that
    -- a part is held back (2323) or pays an advance back; the rest, and reserves that are released, become available
    UNION ALL SELECT s.voucher, side.code, s.merchant, side.fen
    FROM settlement s
    LEFT JOIN batch b ON b.id = s.id
    LEFT JOIN (SELECT by, sum(amount)::bigint AS fen FROM settlement_set_off GROUP BY by) o ON o.by = s.id
    CROSS JOIN LATERAL (SELECT coalesce(b.net, 0) + s.carried - coalesce(o.fen, 0) AS fen) AS whole
    CROSS JOIN LATERAL (
        VALUES (2321, whole.fen + coalesce(b.later, 0)), (2322, s.reserved + s.recovered - whole.fen - s.released),
            (2323, s.released - s.reserved)
    ) AS side (code, fen)
    WHERE s.posted_at IS NOT NULL
        OR EXISTS (SELECT FROM transfer t WHERE t.voucher = s.voucher AND t.flags & 74 = 0)
    -- advances: with a refund (R3), by two people (A1), and what batches pay back of them
    UNION ALL SELECT voucher, 1223, merchant, advanced FROM fact WHERE booked AND advanced > 0
    UNION ALL SELECT undo_voucher, 1223, merchant, -advanced FROM fact WHERE undone AND advanced > 0
    UNION ALL SELECT s.voucher, 1223, s.merchant, -s.recovered FROM settlement s
    WHERE s.recovered <> 0 AND (
        s.posted_at IS NOT NULL OR EXISTS (SELECT FROM transfer t WHERE t.voucher = s.voucher AND t.flags & 74 = 0)
    )
    UNION ALL SELECT a.id, side.code, a.merchant, side.fen
    FROM advance a CROSS JOIN LATERAL (VALUES (2322, -a.amount), (1223, a.amount)) AS side (code, fen)
    WHERE a.result = 'posted'
        OR a.ended_at IS NULL AND EXISTS (SELECT FROM transfer t WHERE t.voucher = a.id AND t.flags & 74 = 0)
    UNION ALL SELECT b.paid_voucher, 2322, b.merchant, b.amount -- a bill of fees that was taken from available money
    FROM fee_bill b
    WHERE b.paid_line IS NULL AND (
        b.paid_at IS NOT NULL
        OR EXISTS (SELECT FROM transfer t WHERE t.voucher = b.paid_voucher AND t.flags & 74 = 0)
    )
    -- what two people approved, leg by leg; a refused one has moved nothing
    UNION ALL SELECT j.id, (leg ->> 1)::int, leg ->> 2, (leg ->> 3)::bigint
    FROM adjustment j CROSS JOIN LATERAL jsonb_array_elements(j.legs) AS leg
    WHERE (leg ->> 1)::int IN (2321, 2322, 2323, 2324, 3013, 3014, 3015, 1223) AND (
        j.result = 'posted'
        OR j.ended_at IS NULL AND EXISTS (SELECT FROM transfer t WHERE t.voucher = j.id AND t.flags & 74 = 0)
    )
), due AS (
    SELECT voucher, code, subject, sum(fen)::bigint AS fen FROM line GROUP BY voucher, code, subject
), booked AS (
    SELECT voucher, code, subject, sum(fen)::bigint AS fen
    FROM entry WHERE code IN (2321, 2322, 2323, 2324, 3013, 3014, 3015, 1223)
    GROUP BY voucher, code, subject
), wrong AS (
    SELECT voucher, code, subject, coalesce(b.fen, 0) AS booked, coalesce(d.fen, 0) AS due
    FROM booked b FULL JOIN due d USING (voucher, code, subject)
    WHERE coalesce(b.fen, 0) <> coalesce(d.fen, 0)
)
SELECT w.*, i.kind || ' ' || i.channel_order_no AS number
FROM wrong w
LEFT JOIN owner o ON o.voucher = w.voucher
LEFT JOIN intent i ON i.id = o.intent
ORDER BY w.subject, w.code, w.voucher

-- name: in_transit
-- What lies in each transit account, by the item that has to clear it, and since which business date.
SELECT code, subject, item, min(business_date) AS since, sum(fen)::bigint AS fen
FROM (
    SELECT
        e.code, e.subject, e.business_date, e.fen,
        CASE
            WHEN e.code = 3011 THEN 'settlement date ' || coalesce(m.matched_on, i.settle_date, o.day, e.business_date)
            WHEN e.code = 3012 THEN 'settlement date ' || coalesce(o.day, e.business_date)
            WHEN e.code = 1242 THEN 'break ' || coalesce(o.break, e.voucher::text)
            WHEN e.code = 3013 AND (m.matched_on IS NOT NULL OR i.id IS NULL)
                THEN 'settlement date ' || coalesce(m.matched_on, o.day, e.business_date)
            ELSE 'order ' || coalesce(i.channel_order_no, e.voucher::text)
        END AS item
    FROM entry e
    LEFT JOIN owner o ON o.voucher = e.voucher
    LEFT JOIN intent i ON i.id = o.intent
    LEFT JOIN intent_match m ON m.intent = i.id
    WHERE e.code IN (3011, 3012, 3013, 3014, 3015, 1242)
) AS e
GROUP BY code, subject, item
HAVING sum(fen) <> 0
ORDER BY code, subject, since, item

-- name: mirror
-- The mirrored pairs by business date, up to the last one that is closed, where a day's movements differ.
SELECT
    business_date::text AS day,
    coalesce(sum(fen) FILTER (WHERE code = 2361), 0)::bigint AS c2361,
    coalesce(sum(fen) FILTER (WHERE code = 1222), 0)::bigint AS o1222,
    coalesce(sum(fen) FILTER (WHERE code = 1241), 0)::bigint AS c1241,
    coalesce(sum(fen) FILTER (WHERE code = 2242), 0)::bigint AS o2242
FROM entry
WHERE code IN (2361, 1222, 1241, 2242)
    AND business_date <= (SELECT max(key::date) FROM task WHERE kind = 'close' AND done_at IS NOT NULL)
GROUP BY business_date
HAVING sum(fen) FILTER (WHERE code IN (2361, 1222)) <> 0 OR sum(fen) FILTER (WHERE code IN (1241, 2242)) <> 0
ORDER BY business_date

-- name: asked
-- Whose orders these are: a merchant's number is its own, so two merchants may use the same one.
SELECT channel_order_no AS number, merchant || ' ' || kind AS whose FROM intent WHERE channel_order_no = ANY($1::text[])

-- name: payees
SELECT channel_order_no AS number, account_tail AS tail FROM intent
WHERE kind = 'payout' AND channel_order_no = ANY($1::text[])
UNION ALL
SELECT a.channel_order_no, i.account_tail FROM attempt a JOIN intent i ON i.id = a.intent
WHERE i.kind = 'payout' AND a.channel_order_no = ANY($1::text[])

-- name: unknown_open
SELECT kind, channel_order_no AS number, state, amount, updated_at
FROM intent WHERE state IN ('SENDING', 'ACCEPTED', 'UNKNOWN', 'MANUAL')
ORDER BY updated_at, id

-- name: amounts
-- Collected, refunded and fees come from the intents, paid out from the bank lines, the rest from the ledger: so the
-- identity compares two independent ways of counting. A refund counts as refunded when it is proven, and from its
-- sending until then as in transit, because the merchant's account has given it already; what 3013 holds beyond that
-- is between us and the channel. Fees are net of those given back. Payouts of nobody's claim (X4, D4) pay no merchant out.
SELECT
    (SELECT coalesce(sum(amount), 0) FROM fact WHERE booked AND NOT undone AND kind IN ('purchase', 'collection'))::bigint
    AS collected_fen,
    (
        SELECT coalesce(sum(amount), 0) FROM fact
        WHERE state = 'SUCCESS' AND kind IN ('refund', 'void') AND claim IS NOT NULL
    )::bigint AS refunded_fen,
    (
        SELECT coalesce(sum(CASE WHEN kind IN ('refund', 'void') THEN -fee ELSE fee END), 0)
        FROM fact WHERE booked AND NOT undone
    )::bigint AS fees_fen,
    (SELECT coalesce(-sum(fen), 0) FROM entry WHERE code = 2321)::bigint AS pending_fen,
    (SELECT coalesce(-sum(fen), 0) FROM entry WHERE code = 2322)::bigint AS available_fen,
    (
        (SELECT coalesce(-sum(fen), 0) FROM entry WHERE code IN (3014, 3015)) + (
            SELECT coalesce(sum(amount), 0) FROM fact
            WHERE booked AND NOT undone AND state <> 'SUCCESS' AND kind IN ('refund', 'void') AND claim IS NOT NULL
        ) - (
            SELECT coalesce(sum(amount), 0) FROM fact
            WHERE booked AND NOT undone AND NOT returned AND kind = 'payout' AND claim IS NULL
        ) + (SELECT coalesce(sum(CASE WHEN credit THEN -on_line ELSE on_line END), 0) FROM paid WHERE nobodys)
    )::bigint AS in_transit_fen,
    (
        (SELECT coalesce(sum(CASE WHEN credit THEN -on_line ELSE on_line END), 0) FROM paid WHERE NOT nobodys) + (
            SELECT coalesce(sum(CASE WHEN p.back THEN -p.amount ELSE p.amount END), 0)
            FROM channel_paid p JOIN channel_file f ON f.channel = p.channel AND f.settle_date = p.settle_date
            WHERE f.matched_at IS NOT NULL
        )
    )::bigint AS paid_out_fen

-- name: suspense
-- Money whose place is being looked for, on each account's normal side.
SELECT c.code, (coalesce(sum(e.fen), 0) * CASE WHEN c.code IN (2351, 2352) THEN -1 ELSE 1 END)::bigint AS fen
FROM (VALUES (1242), (1243), (2351), (2352)) AS c (code)
LEFT JOIN entry e ON e.code = c.code
GROUP BY c.code ORDER BY c.code

-- name: acts
SELECT seq, id, at, operator, act, target, reason, proposal, digest, result_of, fen, before, hash, person_of(operator) AS person
FROM operator_act ORDER BY seq NULLS FIRST, id

-- name: act_head
SELECT seq, hash FROM act_head

-- name: proposals
SELECT id, content, hash, person_of(proposed_by) AS person FROM proposal

-- name: record
-- (alone: it writes)
INSERT INTO audit_result (at, ok, figures) VALUES ($1, $2, $3)
