-- The register that people keep, two each: chargebacks, requests of courts and tax offices, interest, complaints, invoices.
CREATE TABLE register_entry (
    id uuid PRIMARY KEY, -- of the proposal that opened it
    kind text NOT NULL,
    reference text NOT NULL, -- whose number: the channel's, the court's, the payer's
    merchant text,
    payment uuid,
    amount bigint CHECK (amount > 0), -- fen
    due_on date, -- an open entry is an alarm from three days before
    note text NOT NULL,
    files text [] NOT NULL, -- digests of the evidence
    opened_by text NOT NULL, -- both
    opened_at timestamptz NOT NULL,
    outcome text,
    closed_by text,
    closed_at timestamptz,
    CHECK ((outcome IS NULL) = (closed_at IS NULL))
);
CREATE INDEX register_entry_due ON register_entry (due_on) WHERE closed_at IS NULL;
CREATE UNIQUE INDEX register_entry_reference ON register_entry (kind, reference);

REVOKE UPDATE, DELETE ON register_entry FROM zhangfang_platform;
GRANT UPDATE (outcome, closed_by, closed_at) ON register_entry TO zhangfang_platform;
