-- An account's history without an index on accounts: pages (账页) that the writer lays down with its checkpoint.

-- A page is a run of an account's entries of one business date, at most 400 of them. `lines` are their sequence numbers,
-- counted from `first_seq`; the sums are of what was posted in it, the four totals those right after its last line.
-- Entries after `ledger_checkpoint.paged` are on no page yet: read them from `transfer` by `seq`.
CREATE TABLE account_page (
    shard smallint NOT NULL,
    account uuid NOT NULL,
    seq bigint NOT NULL, -- of the last line
    first_seq bigint NOT NULL,
    business_date date NOT NULL,
    lines integer [] NOT NULL,
    debit_sum bigint NOT NULL,
    credit_sum bigint NOT NULL,
    debits bigint NOT NULL,
    credits bigint NOT NULL,
    debits_pending bigint NOT NULL,
    credits_pending bigint NOT NULL,
    PRIMARY KEY (shard, account, seq)
);

-- The pendings that were open at the checkpoint, so that a start need not look for them in all of history.
CREATE TABLE ledger_hold (
    shard smallint NOT NULL,
    id uuid NOT NULL,
    PRIMARY KEY (shard, id)
);

ALTER TABLE ledger_checkpoint ADD COLUMN paged bigint NOT NULL DEFAULT 0;

-- Business dates up to this one take no more postings (period close); an entry with flag 128 moved it.
ALTER TABLE head ADD COLUMN closed_through date;
-- Who writes, and until when nobody else may think it dead. The fence is `epoch`; this only says when to raise it.
ALTER TABLE head ADD COLUMN holder text;
ALTER TABLE head ADD COLUMN lease_until timestamptz;

-- When a month was sealed: it takes no new id any more and has its bulk indexes.
CREATE TABLE ledger_month (
    month date PRIMARY KEY,
    sealed_at timestamptz NOT NULL
);

-- squawk-ignore ban-drop-not-null
ALTER TABLE transfer ALTER COLUMN event_at DROP NOT NULL;

-- The lines of a voucher are numbered in the last byte of its id; what the ledger adds by itself has derived ids.
-- A partitioned table takes no index concurrently; there is no row for this one to find in any release before.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX transfer_derived ON transfer (voucher) WHERE flags & 48 <> 0;

CREATE FUNCTION ledger_voucher(of_voucher uuid) RETURNS SETOF transfer LANGUAGE sql STABLE AS $$
    SELECT t.* FROM head h JOIN transfer t ON t.shard = h.shard
        AND t.id BETWEEN of_voucher AND (left(of_voucher::text, 34) || 'ff')::uuid AND t.voucher = of_voucher
    UNION
    SELECT * FROM transfer WHERE voucher = of_voucher AND flags & 48 <> 0
$$;

-- The entries of an account with `after` < seq <= `until`, in no order: from its pages, and from what is on none yet.
CREATE FUNCTION ledger_lines(of_shard smallint, of_account uuid, after bigint, until bigint)
RETURNS SETOF transfer LANGUAGE sql STABLE AS $$
    SELECT t.* FROM account_page p
    CROSS JOIN LATERAL unnest(p.lines) AS line
    JOIN transfer t ON t.shard = of_shard AND t.seq = p.first_seq + line
    WHERE p.shard = of_shard AND p.account = of_account AND p.seq > after AND p.first_seq <= until
        AND p.first_seq + line > after AND p.first_seq + line <= until
    UNION ALL
    SELECT t.* FROM transfer t
    WHERE t.shard = of_shard AND t.seq <= until AND of_account IN (t.debit, t.credit)
        AND t.seq > greatest(after, coalesce((SELECT c.paged FROM ledger_checkpoint c WHERE c.shard = of_shard), 0))
$$;

-- Both sides of every posted movement; now without periods closed either (flag 128).
CREATE OR REPLACE VIEW ledger_entry AS
SELECT
    shard, debit AS account, seq, business_date, amount AS debit_amount, 0::bigint AS credit_amount, kind, voucher,
    memo, credit AS counter_account, reverses, posted_at, debit_balance AS balance, id AS transfer
FROM transfer WHERE flags & 202 = 0
UNION ALL
SELECT
    shard, credit, seq, business_date, 0, amount, kind, voucher,
    memo, debit, reverses, posted_at, credit_balance, id
FROM transfer WHERE flags & 202 = 0;

-- As before, and one after the other: the writers of two shards may open the same month.
CREATE OR REPLACE FUNCTION ledger_open_month(moment timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    first timestamptz := date_trunc('month', moment, 'UTC');
    name text := 'transfer_' || to_char(first AT TIME ZONE 'UTC', 'YYYY_MM');
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ledger_open_month'));
    IF to_regclass(name) IS NULL THEN
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF transfer FOR VALUES FROM (%L) TO (%L)',
            name, ledger_first_id(first),
            ledger_first_id(date_trunc('month', first + interval '35 days', 'UTC')));
    END IF;
END
$$;
