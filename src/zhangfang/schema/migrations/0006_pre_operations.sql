-- The operator's console: who may enter, what they did, and what the auditor last found.
CREATE TABLE operator (
    name text PRIMARY KEY,
    salt bytea NOT NULL,
    hash bytea NOT NULL, -- scrypt of the password; the password itself is printed once and kept nowhere
    created_at timestamptz NOT NULL
);

-- Signs session cookies and form tokens. One row, made at first start.
CREATE TABLE console_key (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    key bytea NOT NULL
);

-- Sessions and lock-outs run on the machine's own time: a jump of the business clock logs nobody out.
CREATE TABLE operator_session (
    token_hash bytea PRIMARY KEY, -- SHA-256 of the cookie's token
    operator text NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE TABLE login_failure (
    name text PRIMARY KEY, -- as it was typed, known or not, so that an answer tells nobody which names exist
    failures int NOT NULL,
    last_at timestamptz NOT NULL
);

-- Who did what by the console: append-only.
CREATE TABLE operator_act (
    id uuid PRIMARY KEY, -- UUIDv7: sorts by time
    at timestamptz NOT NULL,
    operator text NOT NULL,
    act text NOT NULL,
    target text NOT NULL,
    reason text NOT NULL
);

-- What the independent auditor found; the newest row decides about the seal.
CREATE TABLE audit_result (
    at timestamptz NOT NULL, -- the business clock
    ok boolean NOT NULL,
    figures jsonb NOT NULL
);
CREATE INDEX audit_result_at ON audit_result (at);
