-- The ledger: what was moved, in one gapless sequence a shard. Insert only; `shard` is in every key.

-- The fence and the order. Whoever raises `epoch` is the writer; `seq` and `at` are those of the last entry.
CREATE TABLE head (
    shard smallint PRIMARY KEY,
    epoch bigint NOT NULL,
    seq bigint NOT NULL,
    at timestamptz NOT NULL
);

-- Amounts in fen. `flags`: 1 linked with the next, 2 pending (moves nothing), 4 post, 8 void (moves nothing),
-- 16 of the whole chain, 32 the void is an expiry, 64 sets account flags to `kind` (moves nothing, amount 0).
-- So a posted balance is the sum over rows without 2 and 8. Balances are debits − credits, posted, right after.
-- A range of ids is a range of time: they are UUIDv7. `event_at` is the id's own moment.
CREATE TABLE transfer (
    shard smallint NOT NULL,
    id uuid NOT NULL,
    seq bigint NOT NULL,
    debit uuid NOT NULL,
    credit uuid NOT NULL,
    amount bigint NOT NULL,
    book smallint NOT NULL,
    kind integer NOT NULL,
    flags smallint NOT NULL,
    pending_id uuid,
    timeout bigint NOT NULL,
    voucher uuid NOT NULL,
    reverses uuid,
    memo uuid,
    business_date date NOT NULL,
    event_at timestamptz NOT NULL,
    posted_at timestamptz NOT NULL,
    debit_balance bigint NOT NULL,
    credit_balance bigint NOT NULL,
    digest uuid NOT NULL, -- of the request, to tell a retry from another transfer under the same id
    PRIMARY KEY (shard, id)
) PARTITION BY RANGE (id);

CREATE INDEX transfer_seq ON transfer (shard, seq);
CREATE INDEX transfer_debit ON transfer (shard, debit, seq);
CREATE INDEX transfer_credit ON transfer (shard, credit, seq);
CREATE INDEX transfer_pending ON transfer (shard, pending_id) WHERE pending_id IS NOT NULL;
CREATE INDEX transfer_held ON transfer (shard, seq) WHERE flags & 2 <> 0;
CREATE INDEX transfer_memo ON transfer (memo) WHERE memo IS NOT NULL;
CREATE INDEX transfer_voucher ON transfer (voucher);
CREATE INDEX transfer_reverses ON transfer (reverses) WHERE reverses IS NOT NULL;

-- Refusals that depended on state, so that asking again gives the same answer.
CREATE TABLE refusal (
    shard smallint NOT NULL,
    id uuid NOT NULL,
    result smallint NOT NULL,
    seq bigint NOT NULL, -- of the last entry before it
    refused_at timestamptz NOT NULL,
    digest uuid NOT NULL,
    PRIMARY KEY (shard, id)
);

-- Balances are a checkpoint: right as of `as_of_seq`. The truth is the sum over `transfer`.
CREATE TABLE account (
    shard smallint NOT NULL,
    id uuid NOT NULL,
    book smallint NOT NULL,
    code smallint NOT NULL,
    subject text NOT NULL,
    flags smallint NOT NULL, -- 1 credit floor, 2 debit floor, 4 frozen, 8 closed
    "limit" bigint NOT NULL,
    opened_at timestamptz NOT NULL,
    debits bigint NOT NULL DEFAULT 0,
    credits bigint NOT NULL DEFAULT 0,
    debits_pending bigint NOT NULL DEFAULT 0,
    credits_pending bigint NOT NULL DEFAULT 0,
    as_of_seq bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (shard, id),
    UNIQUE (shard, book, code, subject)
);

-- Every account row is right up to `seq`; no pending older than `oldest_pending` was open then.
CREATE TABLE ledger_checkpoint (
    shard smallint PRIMARY KEY,
    seq bigint NOT NULL,
    oldest_pending bigint NOT NULL
);

-- The smallest UUID of a moment.
CREATE FUNCTION ledger_first_id(moment timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

-- Opens the partition of the month (UTC) in which `moment` lies, if it is not there yet.
CREATE FUNCTION ledger_open_month(moment timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    first timestamptz := date_trunc('month', moment, 'UTC');
    name text := 'transfer_' || to_char(first AT TIME ZONE 'UTC', 'YYYY_MM');
BEGIN
    IF to_regclass(name) IS NULL THEN
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF transfer FOR VALUES FROM (%L) TO (%L)',
            name, ledger_first_id(first),
            ledger_first_id(date_trunc('month', first + interval '35 days', 'UTC')));
    END IF;
END
$$;

-- Both sides of every posted movement, in fen: what statements, the trial balance and the auditor read.
CREATE VIEW ledger_entry AS
SELECT shard, debit AS account, seq, business_date, amount AS debit_amount, 0::bigint AS credit_amount, kind, voucher,
       memo, credit AS counter_account, reverses, posted_at, debit_balance AS balance, id AS transfer
FROM transfer WHERE flags & 74 = 0
UNION ALL
SELECT shard, credit, seq, business_date, 0, amount, kind, voucher,
       memo, debit, reverses, posted_at, credit_balance, id
FROM transfer WHERE flags & 74 = 0;
