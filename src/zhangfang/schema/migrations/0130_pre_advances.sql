-- Advances (垫款): own funds pay what a merchant lacks, and its next settlements pay that back (T3).
ALTER TABLE merchant_terms ADD COLUMN advance_fen bigint NOT NULL DEFAULT 0; -- the most that may stand advanced at a time
ALTER TABLE intent ADD COLUMN advanced bigint NOT NULL DEFAULT 0; -- of a refund (R3): what own funds pay of it

-- Advances that two people have decided (A1): stored with the voucher's id before the ledger is asked; its answer is added.
CREATE TABLE advance (
    id uuid PRIMARY KEY, -- of the voucher
    merchant text NOT NULL,
    proposal uuid NOT NULL UNIQUE,
    amount bigint NOT NULL CHECK (amount > 0), -- fen
    business_date date NOT NULL,
    made_at timestamptz NOT NULL,
    result text, -- posted, or the ledger's refusal
    ended_at timestamptz
);
CREATE INDEX advance_merchant ON advance (merchant);
CREATE INDEX advance_open ON advance (id) WHERE ended_at IS NULL;
REVOKE UPDATE, DELETE ON advance FROM zhangfang_platform;
GRANT UPDATE (result, ended_at) ON advance TO zhangfang_platform;
