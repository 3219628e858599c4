-- The instruction journal. A row is an intent, its current attempt and its own job: no second queue can disagree.
-- No foreign key to merchant: each insert would lock that merchant's row, and a merchant is never deleted.
CREATE TABLE intent (
    id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('purchase', 'collection', 'refund', 'void', 'payout')),
    merchant text NOT NULL,
    order_no text NOT NULL, -- the merchant's own number
    idempotency_key text NOT NULL,
    request_digest bytea NOT NULL, -- SHA-256 of what was asked, to tell a retry from another request
    amount bigint NOT NULL CHECK (amount > 0),
    fee bigint NOT NULL CHECK (fee >= 0), -- merchant's fee; on a refund or void: the fee given back
    description text NOT NULL,
    original uuid, -- refund, void: the intent that it undoes
    account_token text, -- vault token of payer or payee
    account_tail text NOT NULL DEFAULT '',
    return_url text,
    -- the attempt: all that the bytes on the wire depend on
    channel text NOT NULL,
    channel_order_no text NOT NULL,
    requested_at timestamptz NOT NULL,
    business_date date NOT NULL, -- of the posting that precedes the sending; for a pay-in the day it was asked
    -- the posting: template and ids, stored before the ledger is asked
    template text NOT NULL,
    voucher uuid NOT NULL,
    undo_voucher uuid NOT NULL,
    ledger_seq bigint, -- the sequence number that acknowledged the last posting
    -- what is known
    state text NOT NULL CHECK (
        state IN (
            'CREATED', 'REDIRECTED', 'SENDING', 'ACCEPTED', 'UNKNOWN', 'MANUAL',
            'SUCCESS', 'FAILED', 'REFUSED', 'CLOSED'
        )
    ),
    channel_ref text,
    settle_date date,
    code text,
    message text,
    unknown_since timestamptz,
    decided_at timestamptz,
    -- later facts stand beside the final state
    refunded bigint NOT NULL DEFAULT 0 CHECK (refunded >= 0), -- open refunds counted: UNKNOWN is used
    fee_refunded bigint NOT NULL DEFAULT 0 CHECK (fee_refunded >= 0),
    voided boolean NOT NULL DEFAULT false,
    returned_at timestamptz,
    matched_on date, -- settlement date of the channel's file that lists it
    arrived_seq text, -- the bank line on which it arrived, left, or came back
    settlement uuid, -- the batch that made it available
    undo_settlement uuid, -- the batch that took a failed refund back in
    -- the job
    queries int NOT NULL DEFAULT 0,
    not_found int NOT NULL DEFAULT 0, -- answers of "not found" in a row
    absent_since timestamptz, -- every file it could stand in is complete and lists it not
    next_action_at timestamptz,
    lease_until timestamptz, -- the machine's time: a jump of the business clock breaks no lease
    fence bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CHECK (refunded <= amount)
);
CREATE UNIQUE INDEX intent_order ON intent (merchant, kind, order_no); -- for ever: what stops a retry from paying twice
CREATE UNIQUE INDEX intent_key ON intent (merchant, idempotency_key);
CREATE UNIQUE INDEX intent_channel_order ON intent (channel_order_no);
CREATE INDEX intent_due ON intent (next_action_at) WHERE next_action_at IS NOT NULL;
CREATE INDEX intent_original ON intent (original) WHERE original IS NOT NULL;
CREATE INDEX intent_channel_ref ON intent (channel_ref) WHERE channel_ref IS NOT NULL;
CREATE INDEX intent_created ON intent (created_at);
CREATE INDEX intent_settle ON intent (settle_date) WHERE settle_date IS NOT NULL;
-- What nobody may overlook, found without reading what is long finished.
CREATE INDEX intent_doubtful ON intent (state, unknown_since) WHERE state IN ('UNKNOWN', 'MANUAL');
CREATE INDEX intent_returned ON intent (returned_at) WHERE returned_at IS NOT NULL;

-- Evidence: append-only; the state of an intent is a fold over it.
CREATE TABLE step (
    id uuid PRIMARY KEY, -- UUIDv7: sorts by time
    intent uuid NOT NULL,
    at timestamptz NOT NULL,
    kind text NOT NULL CHECK (
        kind IN (
            'received', 'ledger', 'sent', 'answer', 'query', 'notification',
            'file', 'bank', 'told', 'person', 'settled'
        )
    ),
    verdict text NOT NULL DEFAULT '',
    state text NOT NULL DEFAULT '', -- the state that it led to, '' when it changed none
    code text NOT NULL DEFAULT '',
    message text NOT NULL DEFAULT '',
    raw text NOT NULL DEFAULT '' -- masked
);
CREATE INDEX step_intent ON step (intent, id);

-- What a merchant is told: rows that are their own jobs.
CREATE TABLE webhook (
    id uuid PRIMARY KEY,
    merchant text NOT NULL,
    intent uuid NOT NULL,
    event text NOT NULL,
    payload text NOT NULL,
    attempts int NOT NULL DEFAULT 0,
    last_status int,
    next_action_at timestamptz,
    lease_until timestamptz,
    fence bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    delivered_at timestamptz,
    UNIQUE (intent, event)
);
CREATE INDEX webhook_due ON webhook (next_action_at) WHERE next_action_at IS NOT NULL;
CREATE INDEX webhook_given_up ON webhook (created_at) WHERE delivered_at IS NULL AND next_action_at IS NULL;

-- A person's stop of one operation of one channel.
CREATE TABLE channel_stop (
    channel text NOT NULL,
    operation text NOT NULL,
    reason text NOT NULL,
    stopped_by text NOT NULL,
    stopped_at timestamptz NOT NULL,
    PRIMARY KEY (channel, operation)
);
