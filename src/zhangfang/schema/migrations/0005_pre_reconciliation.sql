-- A channel's file, received whole; a file that is not complete never becomes a row.
CREATE TABLE channel_file (
    channel text NOT NULL,
    settle_date date NOT NULL,
    name text NOT NULL,
    digest text NOT NULL, -- SHA-256 hex of the bytes received
    lines int NOT NULL,
    received_at timestamptz NOT NULL,
    pay_in_voucher uuid NOT NULL, -- S1
    refund_voucher uuid NOT NULL, -- S2
    fee_voucher uuid NOT NULL, -- S4
    void_voucher uuid NOT NULL, -- S10
    arrival_voucher uuid NOT NULL, -- S5, S6 or S9: the bank line that brings this date's net position
    pay_in_fen bigint NOT NULL, -- sums of the file
    refund_fen bigint NOT NULL,
    fee_fen bigint NOT NULL,
    net_fen bigint NOT NULL,
    matched_at timestamptz, -- every line has its place in the books
    arrived_at timestamptz,
    arrived_seq text,
    PRIMARY KEY (channel, settle_date)
);

CREATE TABLE file_line (
    channel text NOT NULL,
    settle_date date NOT NULL,
    line_no int NOT NULL,
    order_no text NOT NULL,
    channel_ref text NOT NULL,
    operation text,
    amount bigint NOT NULL,
    credit boolean NOT NULL,
    fee bigint NOT NULL,
    adjustment boolean NOT NULL,
    original_order_no text NOT NULL,
    note text NOT NULL,
    raw text NOT NULL,
    intent uuid,
    status text NOT NULL, -- matched, break
    PRIMARY KEY (channel, settle_date, line_no)
);
CREATE INDEX file_line_intent ON file_line (intent) WHERE intent IS NOT NULL;
CREATE INDEX file_line_ref ON file_line (channel_ref);

CREATE TABLE bank_line (
    account text NOT NULL, -- alias of the account in the settings, never its number
    sequence text NOT NULL,
    booked_at timestamptz NOT NULL,
    business_date date NOT NULL,
    amount bigint NOT NULL,
    credit boolean NOT NULL,
    balance bigint NOT NULL,
    reference text NOT NULL,
    request_no text NOT NULL,
    counterparty text NOT NULL, -- masked
    text text NOT NULL,
    reversal boolean NOT NULL,
    raw text NOT NULL,
    template text, -- what it was posted by; null until it is
    voucher uuid NOT NULL,
    intent uuid,
    posted_at timestamptz,
    PRIMARY KEY (account, sequence)
);
CREATE INDEX bank_line_intent ON bank_line (intent) WHERE intent IS NOT NULL;
CREATE INDEX bank_line_open ON bank_line (account) WHERE posted_at IS NULL;

CREATE TABLE statement_cursor (
    account text PRIMARY KEY,
    cursor text NOT NULL,
    read_at timestamptz NOT NULL
);

CREATE TABLE break (
    id uuid PRIMARY KEY,
    class text NOT NULL CHECK (
        class IN (
            'missing_here', 'missing_there', 'amount_differs', 'duplicate', 'fee_differs',
            'unknown_receipt', 'unknown_debit', 'contradiction'
        )
    ),
    channel text NOT NULL,
    settle_date date NOT NULL,
    key text NOT NULL, -- what tells this break from another: a channel reference, a bank line's number
    intent uuid,
    ours bigint, -- fen, null where we have nothing
    theirs bigint, -- fen, null where they have nothing
    difference bigint NOT NULL, -- fen, theirs less ours
    note text NOT NULL,
    template text NOT NULL, -- how it stands in the books: B1, B4, X1, X2
    voucher uuid NOT NULL,
    opened_at timestamptz NOT NULL,
    cured_on date, -- business date of the cure's voucher
    cure text, -- the template that cleared it: B2, B5, X3, mirror
    cure_voucher uuid NOT NULL,
    cleared_at timestamptz,
    cleared_by text,
    proposed_cure text, -- a cure that needs two people: what the first one proposed
    proposed_for text, -- the merchant, where the cure needs one
    proposed_by text,
    UNIQUE (class, channel, key)
);
CREATE INDEX break_open ON break (opened_at) WHERE cleared_at IS NULL;

-- One merchant's batch of one settlement run.
CREATE TABLE settlement (
    id uuid PRIMARY KEY,
    merchant text NOT NULL,
    run_date date NOT NULL, -- the business date on which money became available
    number int NOT NULL, -- of the merchant's batches of that date, from 1
    voucher uuid NOT NULL,
    amount bigint NOT NULL,
    lines int NOT NULL,
    ledger_seq bigint,
    posted_at timestamptz,
    payout uuid, -- the intent that pays it out, where the merchant asked for that
    created_at timestamptz NOT NULL,
    UNIQUE (merchant, run_date, number)
);

-- What is done once a day, by itself: fetch a file, read a statement, settle, close the day.
CREATE TABLE task (
    kind text NOT NULL,
    key text NOT NULL,
    state text NOT NULL DEFAULT 'WAITING', -- WAITING, DONE
    note text NOT NULL DEFAULT '',
    attempts int NOT NULL DEFAULT 0,
    next_action_at timestamptz,
    lease_until timestamptz,
    fence bigint NOT NULL DEFAULT 0,
    ids uuid [] NOT NULL DEFAULT '{}', -- vouchers that the task posts, stored before it posts them
    done_at timestamptz,
    PRIMARY KEY (kind, key)
);
CREATE INDEX task_due ON task (next_action_at) WHERE next_action_at IS NOT NULL;

CREATE TABLE statement (
    merchant text NOT NULL,
    business_date date NOT NULL,
    opening bigint NOT NULL,
    closing bigint NOT NULL,
    lines int NOT NULL,
    ledger_seq bigint NOT NULL,
    digest text NOT NULL,
    released_at timestamptz NOT NULL,
    PRIMARY KEY (merchant, business_date)
);
