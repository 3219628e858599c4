-- A payer's consent to be debited by one merchant (代收协议). Limits are fen, validity is days in China, both included.
-- No foreign key to merchant, as in intent. An end by date is not stored: it follows from valid_until.
CREATE TABLE mandate (
    id uuid PRIMARY KEY,
    merchant text NOT NULL,
    mandate_no text NOT NULL, -- the merchant's own number
    idempotency_key text NOT NULL,
    request_digest bytea NOT NULL, -- SHA-256 of what was asked, to tell a retry from another request
    account_token text NOT NULL, -- vault, purpose mandate/<merchant>: JSON of the payer's account
    account_tail text NOT NULL,
    name_masked text NOT NULL,
    fingerprint text NOT NULL, -- vault, purpose account_number: finds the mandate by the number of a collection
    limit_each bigint NOT NULL CHECK (limit_each > 0),
    limit_day bigint NOT NULL CHECK (limit_day >= limit_each),
    limit_month bigint NOT NULL CHECK (limit_month >= limit_day),
    valid_from date NOT NULL,
    valid_until date NOT NULL CHECK (valid_until >= valid_from),
    channel text NOT NULL, -- where it is kept; '': at no channel, the merchant holds the payer's own consent
    evidence text NOT NULL, -- the merchant's reference of that consent
    order_no text NOT NULL UNIQUE, -- ours at the channel, the same in each try
    requested_at timestamptz NOT NULL,
    agreement text NOT NULL DEFAULT '', -- the channel's own number, known once it is signed
    state text NOT NULL CHECK (state IN ('SIGNING', 'ACTIVE', 'REVOKED')),
    code text NOT NULL DEFAULT '', -- of the channel's last answer
    message text NOT NULL DEFAULT '',
    code_sent_at timestamptz,
    signed_at timestamptz,
    revoked_at timestamptz, -- nothing is collected under it from here on
    ended_at timestamptz, -- since when the channel has ended it too
    -- the job: a revocation is told to the channel until it says yes
    next_action_at timestamptz,
    lease_until timestamptz,
    fence bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    CHECK ((channel = '') = (evidence <> ''))
);
CREATE UNIQUE INDEX mandate_number ON mandate (merchant, mandate_no);
CREATE UNIQUE INDEX mandate_key ON mandate (merchant, idempotency_key);
CREATE INDEX mandate_account ON mandate (merchant, fingerprint, id);
CREATE INDEX mandate_due ON mandate (next_action_at) WHERE next_action_at IS NOT NULL;

-- What happened to it: append-only.
CREATE TABLE mandate_step (
    id uuid PRIMARY KEY, -- UUIDv7: sorts by time
    mandate uuid NOT NULL,
    at timestamptz NOT NULL,
    kind text NOT NULL CHECK (kind IN ('received', 'code', 'sign', 'revoked', 'ended')),
    verdict text NOT NULL DEFAULT '',
    state text NOT NULL DEFAULT '', -- the state that it led to, '' when it changed none
    code text NOT NULL DEFAULT '',
    message text NOT NULL DEFAULT '',
    raw text NOT NULL DEFAULT '' -- masked
);
CREATE INDEX mandate_step_mandate ON mandate_step (mandate, id);
