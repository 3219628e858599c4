-- A voucher that people decide on: an adjustment, a freeze or its end, an entry of the register. It is stored with its id
-- before the ledger is asked; what it says stays, and the ledger's answer is added once.
CREATE TABLE adjustment (
    id uuid PRIMARY KEY, -- of the voucher
    purpose text NOT NULL CHECK (purpose IN ('adjustment', 'reversal', 'freeze', 'thaw', 'register')),
    template text NOT NULL,
    said jsonb NOT NULL, -- what the voucher is made of: subjects by code, and the amount
    legs jsonb NOT NULL, -- what it does: book, code, subject, and fen with a debit above zero; the auditor compares them
    amount bigint NOT NULL CHECK (amount > 0), -- fen
    business_date date NOT NULL,
    reverses uuid, -- another row: what it did is undone
    of uuid, -- the freeze or the register's entry that it belongs to
    proposal uuid UNIQUE, -- null: one person was enough
    made_by text NOT NULL,
    made_at timestamptz NOT NULL,
    seq bigint, -- the ledger's number of its last line
    result text, -- posted, or the ledger's refusal
    ended_at timestamptz,
    CHECK ((purpose = 'reversal') = (reverses IS NOT NULL))
);
CREATE UNIQUE INDEX adjustment_reversed ON adjustment (reverses) WHERE result IS NULL OR result = 'posted';
CREATE INDEX adjustment_of ON adjustment (of) WHERE of IS NOT NULL;
CREATE INDEX adjustment_open ON adjustment (id) WHERE ended_at IS NULL;

-- How much one voucher, and all of one person's vouchers within 24 hours, may come to. The owner of the database sets it.
CREATE TABLE adjustment_limit (
    role text PRIMARY KEY,
    most bigint NOT NULL CHECK (most >= 0) -- fen
);
INSERT INTO adjustment_limit VALUES ('operator', 10000000), ('chief_accountant', 1000000000);

-- Files that prove something, by the SHA-256 of their bytes. Rows are only added.
CREATE TABLE evidence_file (
    digest bytea PRIMARY KEY CHECK (digest = sha256(content)),
    name text NOT NULL,
    media text NOT NULL, -- by its first bytes, not by its name
    content bytea NOT NULL CHECK (length(content) BETWEEN 1 AND 5242880),
    stored_by text NOT NULL,
    stored_at timestamptz NOT NULL
);

REVOKE UPDATE, DELETE ON adjustment, evidence_file FROM zhangfang_platform;
GRANT UPDATE (seq, result, ended_at) ON adjustment TO zhangfang_platform;
REVOKE INSERT, UPDATE, DELETE ON adjustment_limit FROM zhangfang_platform;
