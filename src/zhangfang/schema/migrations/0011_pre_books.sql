-- The books by business date: what each account comes to at the end of every date, and which dates take no more.

-- What comes after a roll is found by `seq`, what belongs to one date by the date. Both are an entry a page, not one a
-- transfer. No release before this one has written a page, so there is nothing to lock.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX account_page_seq ON account_page (shard, seq);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX account_page_date ON account_page (shard, business_date, account);

-- The roll (日切): of all entries with seq <= books_roll.seq, what was posted to an account on a business date, and on
-- all dates up to it. A row for each date on which the account moved. It is a cache: `books_moved` is the truth.
CREATE TABLE books_date (
    shard smallint NOT NULL,
    account uuid NOT NULL,
    business_date date NOT NULL,
    debits bigint NOT NULL, -- fen, of this date
    credits bigint NOT NULL,
    debits_through bigint NOT NULL, -- fen, of this date and all before it
    credits_through bigint NOT NULL,
    PRIMARY KEY (shard, account, business_date)
);

CREATE TABLE books_roll (
    shard smallint PRIMARY KEY,
    seq bigint NOT NULL
);

-- The dates that are over: who asks for a close needs one of these. `seq` is where the roll stood then.
CREATE TABLE books_day (
    shard smallint NOT NULL,
    business_date date NOT NULL,
    seq bigint NOT NULL,
    rolled_at timestamptz NOT NULL,
    PRIMARY KEY (shard, business_date)
);

-- Closing a period, or opening it again. It is stored before the ledger is asked, with the id that the ledger is asked
-- with. Who re-opens is two people, whatever program writes here.
CREATE TABLE books_request (
    id uuid PRIMARY KEY, -- the voucher of the ledger's entry
    what text NOT NULL CHECK (what IN ('close', 'reopen')),
    business_date date NOT NULL, -- the last closed date afterwards
    asked_by text NOT NULL CHECK (btrim(asked_by) <> ''),
    reason text NOT NULL,
    asked_at timestamptz NOT NULL,
    approved_by text CHECK (btrim(approved_by) <> ''),
    approved_at timestamptz,
    seq bigint, -- of the ledger's entry; with `ended_at` but without it, the ledger refused
    result text,
    ended_at timestamptz,
    CONSTRAINT reopened_by_two CHECK (
        what = 'close' OR lower(btrim(approved_by)) <> lower(btrim(asked_by))
    ),
    CONSTRAINT reopened_when_approved CHECK (what = 'close' OR seq IS NULL OR approved_by IS NOT NULL),
    CONSTRAINT reopened_for_a_reason CHECK (what = 'close' OR btrim(reason) <> '')
);
CREATE UNIQUE INDEX books_request_open ON books_request (what, business_date) WHERE ended_at IS NULL;

-- What was posted with after < seq <= until, by account and business date: whole pages by their sums, pages that reach
-- over either end line by line, and what is on no page yet from `transfer`. It reads no entry outside of the span.
CREATE FUNCTION books_moved(of_shard smallint, after bigint, until bigint)
RETURNS TABLE (account uuid, business_date date, debits bigint, credits bigint)
LANGUAGE sql STABLE
SET enable_seqscan = off -- the planner cannot know that the span is short
AS $$
    SELECT e.account, e.business_date, sum(e.debits)::bigint, sum(e.credits)::bigint
    FROM (
        SELECT p.account, p.business_date, p.debit_sum AS debits, p.credit_sum AS credits
        FROM account_page p
        WHERE p.shard = of_shard AND p.seq > after AND p.seq <= until AND p.first_seq > after
        UNION ALL
        SELECT p.account, p.business_date,
            CASE WHEN t.debit = p.account THEN t.amount ELSE 0 END,
            CASE WHEN t.credit = p.account THEN t.amount ELSE 0 END
        FROM account_page p
        CROSS JOIN LATERAL unnest(p.lines) AS line
        JOIN transfer t ON t.shard = of_shard AND t.seq = p.first_seq + line AND t.flags & 202 = 0
        WHERE p.shard = of_shard AND p.seq > after AND p.first_seq <= until AND (p.first_seq <= after OR p.seq > until)
            AND p.first_seq + line > after AND p.first_seq + line <= until
        UNION ALL
        SELECT side.account, t.business_date, side.debit, side.credit
        FROM transfer t
        CROSS JOIN LATERAL (VALUES (t.debit, t.amount, 0::bigint), (t.credit, 0, t.amount)) AS side (account, debit, credit)
        WHERE t.shard = of_shard AND t.seq <= until AND t.flags & 202 = 0
            AND t.seq > greatest(after, coalesce((SELECT c.paged FROM ledger_checkpoint c WHERE c.shard = of_shard), 0))
    ) e
    GROUP BY e.account, e.business_date
$$;

-- Every account over one business date, debit positive: the roll's last row up to the date, and what came after the roll.
CREATE FUNCTION books_balances(day date)
RETURNS TABLE (shard smallint, account uuid, opening bigint, debits bigint, credits bigint)
LANGUAGE sql STABLE AS $$
    SELECT a.shard, a.id,
        (coalesce(r.opening, 0) + coalesce(n.opening, 0))::bigint,
        (coalesce(r.debits, 0) + coalesce(n.debits, 0))::bigint,
        (coalesce(r.credits, 0) + coalesce(n.credits, 0))::bigint
    FROM account a
    LEFT JOIN LATERAL (
        SELECT
            CASE WHEN d.business_date = day THEN d.debits ELSE 0 END AS debits,
            CASE WHEN d.business_date = day THEN d.credits ELSE 0 END AS credits,
            d.debits_through - d.credits_through - CASE WHEN d.business_date = day THEN d.debits - d.credits ELSE 0 END
            AS opening
        FROM books_date d
        WHERE d.shard = a.shard AND d.account = a.id AND d.business_date <= day
        ORDER BY d.business_date DESC LIMIT 1
    ) r ON true
    LEFT JOIN (
        SELECT h.shard, m.account,
            sum(m.debits - m.credits) FILTER (WHERE m.business_date < day) AS opening,
            sum(m.debits) FILTER (WHERE m.business_date = day) AS debits,
            sum(m.credits) FILTER (WHERE m.business_date = day) AS credits
        FROM head h
        LEFT JOIN books_roll b ON b.shard = h.shard
        CROSS JOIN LATERAL books_moved(h.shard, coalesce(b.seq, 0), 9223372036854775807) m
        WHERE m.business_date <= day
        GROUP BY h.shard, m.account
    ) n ON n.shard = a.shard AND n.account = a.id
$$;

-- What was posted to each account up to this moment: the checkpoint, and what came after it.
CREATE VIEW books_now AS
SELECT a.shard, a.id AS account, a.book, a.code, a.subject,
    (a.debits + coalesce(n.debits, 0))::bigint AS debits, (a.credits + coalesce(n.credits, 0))::bigint AS credits
FROM account a
LEFT JOIN (
    SELECT h.shard, m.account, sum(m.debits) AS debits, sum(m.credits) AS credits
    FROM head h
    LEFT JOIN ledger_checkpoint c ON c.shard = h.shard
    CROSS JOIN LATERAL books_moved(h.shard, coalesce(c.seq, 0), 9223372036854775807) m
    GROUP BY h.shard, m.account
) n ON n.shard = a.shard AND n.account = a.id;

-- What was posted with business date `day` and is on no page yet.
CREATE FUNCTION books_tail(day date) RETURNS SETOF transfer LANGUAGE sql STABLE
SET enable_seqscan = off
AS $$
    SELECT t.* FROM head h
    LEFT JOIN ledger_checkpoint c ON c.shard = h.shard
    JOIN transfer t ON t.shard = h.shard AND t.seq > coalesce(c.paged, 0)
    WHERE t.business_date = day AND t.flags & 202 = 0
$$;

-- The sequence numbers of the newest entries posted to an account before `before`, newest first, at most `most`. It reads
-- what is on no page yet, then page after page until no page that is left can hold a newer entry than those found. Pages
-- of one account follow one another, so the first that ends at or after `before` is the newest that can hold an older one.
CREATE FUNCTION books_newest(of_shard smallint, of_account uuid, before bigint, most integer)
RETURNS bigint [] LANGUAGE plpgsql STABLE
SET enable_seqscan = off
AS $$
DECLARE
    paged bigint := coalesce((SELECT c.paged FROM ledger_checkpoint c WHERE c.shard = of_shard), 0);
    newest bigint := (
        SELECT p.seq FROM account_page p
        WHERE p.shard = of_shard AND p.account = of_account AND p.seq >= before
        ORDER BY p.seq LIMIT 1);
    found bigint [];
    page record;
BEGIN
    found := ARRAY(
        SELECT t.seq FROM transfer t
        WHERE t.shard = of_shard AND t.seq > paged AND t.seq < before
            AND of_account IN (t.debit, t.credit) AND t.flags & 202 = 0
        ORDER BY t.seq DESC LIMIT most);
    FOR page IN
        SELECT p.first_seq, p.seq, p.lines FROM account_page p
        WHERE p.shard = of_shard AND p.account = of_account AND p.first_seq < before
            AND p.seq <= coalesce(newest, 9223372036854775807)
        ORDER BY p.seq DESC
    LOOP
        EXIT WHEN found[most] > page.seq;
        found := ARRAY(
            SELECT one.seq FROM (
                SELECT unnest(found) AS seq
                UNION ALL
                SELECT t.seq FROM unnest(page.lines) AS line
                JOIN transfer t ON t.shard = of_shard AND t.seq = page.first_seq + line AND t.flags & 202 = 0
                WHERE page.first_seq + line < before
            ) one
            ORDER BY one.seq DESC LIMIT most);
    END LOOP;
    RETURN found;
END
$$;
