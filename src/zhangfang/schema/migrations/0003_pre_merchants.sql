-- Ids are text: 'mer_', 'sac_' or 'key_' and 26 characters. Amounts are fen, rates parts per million.
CREATE TABLE merchant (
    id text PRIMARY KEY,
    external_ref text UNIQUE, -- the caller's own code for it; creating it twice is then one merchant
    name text NOT NULL,
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'frozen', 'closed')),
    auto_payout boolean NOT NULL,
    settlement_days int NOT NULL DEFAULT 1 CHECK (settlement_days BETWEEN 0 AND 30), -- T+n in working days
    keep_fee_on_refund boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL
);

CREATE TABLE fee_rule (
    merchant text NOT NULL REFERENCES merchant,
    kind text NOT NULL CHECK (kind IN ('purchase', 'collection', 'payout')),
    effective_from date NOT NULL, -- a day in China; the rule holds until the next one of its kind
    rate_ppm int NOT NULL CHECK (rate_ppm BETWEEN 0 AND 1000000),
    fixed_fen bigint NOT NULL CHECK (fixed_fen >= 0),
    min_fen bigint NOT NULL CHECK (min_fen >= 0),
    max_fen bigint CHECK (max_fen >= min_fen),
    PRIMARY KEY (merchant, kind, effective_from)
);

-- Rows are never changed but for replaced_at: who was paid where, and when, can always be shown.
CREATE TABLE settlement_account (
    id text PRIMARY KEY,
    merchant text NOT NULL REFERENCES merchant,
    token text NOT NULL, -- vault, purpose settlement_account/<merchant>: JSON of number, name, medium, bank
    tail text NOT NULL, -- last four digits
    name_masked text NOT NULL,
    bank text NOT NULL,
    medium text NOT NULL CHECK (medium IN ('card', 'passbook', 'corporate')),
    fingerprint text NOT NULL, -- vault, purpose account_number: finds the same number at another merchant
    bound_at timestamptz NOT NULL,
    replaced_at timestamptz
);
CREATE UNIQUE INDEX settlement_account_current ON settlement_account (merchant) WHERE replaced_at IS NULL;
CREATE INDEX settlement_account_fingerprint ON settlement_account (fingerprint);

CREATE TABLE api_key (
    id text PRIMARY KEY,
    merchant text NOT NULL REFERENCES merchant,
    hash bytea NOT NULL UNIQUE, -- SHA-256 of the secret, which has 256 random bits and is shown once
    tail text NOT NULL, -- its last four characters, for people to tell keys apart
    created_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX api_key_merchant ON api_key (merchant);

CREATE TABLE webhook_endpoint (
    merchant text NOT NULL REFERENCES merchant,
    url text NOT NULL,
    secret_token text NOT NULL, -- vault, purpose webhook_secret/<merchant>
    created_at timestamptz NOT NULL,
    PRIMARY KEY (merchant, url)
);
