-- Suspected double payments (重复代收), and what is done about each. A row is its own job.
CREATE TABLE duplicate (
    id uuid PRIMARY KEY,
    merchant text NOT NULL,
    order_no text NOT NULL, -- the merchant's own number, which both carry
    amount bigint NOT NULL CHECK (amount > 0), -- fen of the one that goes back
    keep uuid NOT NULL, -- the payment that stands
    intent uuid UNIQUE, -- the payment that goes back; or
    break uuid UNIQUE, -- the channel's line that goes back, for which no payment of ours stands
    state text NOT NULL CHECK (state IN ('SUSPECTED', 'APPROVAL', 'REVERSING', 'PERSON', 'DONE', 'DISMISSED')),
    note text NOT NULL DEFAULT '', -- what it waits for, or why it is left to a person
    found_at timestamptz NOT NULL,
    confirmed_by text,
    confirmed_at timestamptz,
    reason text NOT NULL DEFAULT '',
    approved_by text,
    approved_at timestamptz,
    attempt int NOT NULL DEFAULT 0, -- of the reversal: new ids only after a definite failure, or where nothing was sent
    way text NOT NULL DEFAULT '' CHECK (way IN ('', 'void', 'refund')), -- of the attempt, stored before it is asked for
    reversal uuid, -- the intent of the attempt
    masked boolean NOT NULL DEFAULT false,
    ended_at timestamptz,
    next_action_at timestamptz,
    lease_until timestamptz,
    fence bigint NOT NULL DEFAULT 0,
    CHECK ((intent IS NULL) <> (break IS NULL)),
    CHECK (keep <> intent),
    CHECK (approved_by IS NULL OR lower(approved_by) <> lower(confirmed_by))
);
CREATE INDEX duplicate_due ON duplicate (next_action_at) WHERE next_action_at IS NOT NULL;
CREATE INDEX duplicate_open ON duplicate (id) WHERE ended_at IS NULL;

-- Who did what about a case, when, why, and which voucher it made.
CREATE TABLE duplicate_step (
    id uuid PRIMARY KEY,
    duplicate uuid NOT NULL REFERENCES duplicate,
    at timestamptz NOT NULL,
    by text NOT NULL, -- a person, or 'platform'
    act text NOT NULL,
    note text NOT NULL,
    voucher uuid
);
CREATE INDEX duplicate_step_of ON duplicate_step (duplicate, id);

-- Vouchers that a merchant's statement leaves out. `net` is what the voucher adds to the merchant's balance, so that
-- the balances before and after it can be shown without it; all vouchers of a case come to 0.
CREATE TABLE masked_voucher (
    voucher uuid PRIMARY KEY,
    duplicate uuid NOT NULL REFERENCES duplicate,
    merchant text NOT NULL,
    business_date date NOT NULL,
    net bigint NOT NULL,
    lines int NOT NULL,
    masked_at timestamptz NOT NULL
);
CREATE INDEX masked_voucher_of ON masked_voucher (merchant, business_date);

-- The end of an UNKNOWN that two people agree on.
CREATE TABLE outcome (
    id uuid PRIMARY KEY,
    intent uuid NOT NULL,
    state text NOT NULL CHECK (state IN ('SUCCESS', 'FAILED')),
    amount bigint, -- fen, settlement date and channel's number: of a success
    settle_date date,
    channel_ref text NOT NULL DEFAULT '',
    reason text NOT NULL,
    evidence text NOT NULL, -- where the proof lies: a letter, a ticket, a recorded call
    proposed_by text NOT NULL,
    proposed_at timestamptz NOT NULL,
    approved_by text,
    approved_at timestamptz,
    result text NOT NULL DEFAULT '', -- the state in which the intent ended, and whether by this
    ended_at timestamptz,
    CHECK ((state = 'SUCCESS') = (amount IS NOT NULL)),
    CHECK (approved_by IS NULL OR lower(approved_by) <> lower(proposed_by))
);
CREATE UNIQUE INDEX outcome_open ON outcome (intent) WHERE ended_at IS NULL;

CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', tg_table_name;
END
$$;
CREATE TRIGGER duplicate_step_append_only BEFORE UPDATE OR DELETE ON duplicate_step
FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER masked_voucher_append_only BEFORE UPDATE OR DELETE ON masked_voucher
FOR EACH ROW EXECUTE FUNCTION append_only();

-- Money that lies in 2351 goes back to its payer by a refund of its own (B3), whose intent names the break.
ALTER TABLE break ADD COLUMN returned_by uuid;

-- The reversal of a duplicate that was not settled comes out of pending money as a refund does.
CREATE OR REPLACE VIEW merchant_line AS
SELECT i.id, i.merchant, i.id AS payment, i.amount - i.fee AS net, i.settlement AS batch, 'payment' AS part
FROM intent i
WHERE i.kind IN ('purchase', 'collection') AND i.state = 'SUCCESS'
UNION ALL
SELECT r.id, r.merchant, r.original AS payment, r.fee - r.amount AS net, r.settlement AS batch, 'refund' AS part
FROM intent r
WHERE r.template IN ('R1', 'V1', 'U1') AND (r.settlement IS NOT NULL OR r.state NOT IN ('FAILED', 'REFUSED'))
UNION ALL
SELECT r.id, r.merchant, r.original AS payment, r.amount - r.fee AS net, r.undo_settlement AS batch, 'undo' AS part
FROM intent r
WHERE r.template IN ('R1', 'V1', 'U1') AND r.settlement IS NOT NULL AND r.state IN ('FAILED', 'REFUSED');
