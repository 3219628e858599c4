-- Splits (分账): parts of a payment for other merchants.
ALTER TABLE intent
-- JSON. Of a payment: [receiver, fen] of each part that is booked with it. Of a refund: [receiver, fen, whether it comes out
-- of available money] of what receivers give back, booked with it.
ADD COLUMN shares text NOT NULL DEFAULT '',
ADD COLUMN refund_from text NOT NULL DEFAULT '', -- of a payment with parts: who gives back first, proportional or seller
ADD COLUMN shared bigint NOT NULL DEFAULT 0, -- of a payment: what all its parts come to, those of later splits too
ADD COLUMN splitting uuid; -- a later split of this payment that is not booked yet

-- A part of a payment. It is settled to its receiver by the receiver's own cycle.
CREATE TABLE split (
    id uuid PRIMARY KEY,
    payment uuid NOT NULL,
    receiver text NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    split_order uuid, -- the later split that gave it; null: it is booked with the payment
    settlement uuid, -- the receiver's batch that made it available
    created_at timestamptz NOT NULL,
    UNIQUE (payment, receiver)
);

-- What a receiver gives back of a part for one refund.
CREATE TABLE split_back (
    id uuid PRIMARY KEY,
    split uuid NOT NULL,
    refund uuid NOT NULL,
    payment uuid NOT NULL,
    receiver text NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    available boolean NOT NULL, -- out of available money: the part was settled
    settlement uuid, -- the batch that was less by it
    undo_settlement uuid, -- the batch that took it back in, because the refund failed
    UNIQUE (refund, receiver)
);

-- A split that is asked for after the payment. Its id is the voucher.
CREATE TABLE split_order (
    id uuid PRIMARY KEY,
    payment uuid NOT NULL,
    merchant text NOT NULL,
    idempotency_key text NOT NULL,
    request_digest bytea NOT NULL,
    shares text NOT NULL, -- JSON, as with a payment
    state text NOT NULL CHECK (state IN ('OPEN', 'DONE', 'REFUSED')),
    reason text NOT NULL DEFAULT '', -- of the ledger, why it was refused
    business_date date NOT NULL,
    ledger_seq bigint,
    created_at timestamptz NOT NULL,
    ended_at timestamptz,
    UNIQUE (merchant, idempotency_key)
);
CREATE INDEX split_receiver ON split (receiver, id);
CREATE INDEX split_unsettled ON split (payment) WHERE settlement IS NULL;
CREATE INDEX split_settlement ON split (settlement) WHERE settlement IS NOT NULL;
CREATE INDEX split_back_split ON split_back (split);
CREATE INDEX split_back_payment ON split_back (payment);
CREATE INDEX split_back_settlement ON split_back (settlement) WHERE settlement IS NOT NULL;
CREATE INDEX split_back_undo ON split_back (undo_settlement) WHERE undo_settlement IS NOT NULL;
CREATE INDEX split_back_counted ON split_back (id) WHERE settlement IS NOT NULL AND undo_settlement IS NULL;
CREATE INDEX split_order_payment ON split_order (payment);
CREATE INDEX split_order_open ON split_order (created_at) WHERE state = 'OPEN';
CREATE INDEX split_of_order ON split (split_order) WHERE split_order IS NOT NULL;
