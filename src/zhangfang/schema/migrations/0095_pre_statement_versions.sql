-- What was released of a merchant's business date: the content whole, so that a paper says years later what it said then.
-- `statement` keeps when a date was first released; a correction is a further version here.
CREATE TABLE statement_version (
    merchant text NOT NULL,
    business_date date NOT NULL,
    version int NOT NULL CHECK (version > 0),
    opening bigint NOT NULL, -- fen
    closing bigint NOT NULL,
    payments int NOT NULL, -- how many
    lines int NOT NULL, -- movements
    ledger_seq bigint NOT NULL, -- the last entry that could be in it
    certificates text NOT NULL, -- numbers of the day's certificates
    digest text NOT NULL, -- SHA-256 of body
    body bytea NOT NULL, -- JSON: the statement
    reason text NOT NULL, -- of a further version: why
    released_by text NOT NULL,
    released_at timestamptz NOT NULL,
    PRIMARY KEY (merchant, business_date, version)
);
CREATE INDEX statement_version_day ON statement_version (business_date, merchant, version DESC);
CREATE TRIGGER statement_version_append_only BEFORE UPDATE OR DELETE ON statement_version
FOR EACH ROW EXECUTE FUNCTION append_only();
REVOKE UPDATE, DELETE ON statement_version FROM zhangfang_platform;
