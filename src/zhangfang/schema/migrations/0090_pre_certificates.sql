-- Day-end certificates: what was compared of a channel and a settlement date, on both sides, and how it ended. When a
-- corrected file, a cure or the money itself changes that, a further version is added.
CREATE TABLE certificate (
    channel text NOT NULL,
    settle_date date NOT NULL,
    version int NOT NULL CHECK (version > 0),
    number text NOT NULL UNIQUE, -- as people quote it: ZM-0526-unionpay-3f9a1c2d
    content text NOT NULL, -- JSON; the hash is of these bytes
    hash bytea NOT NULL CHECK (hash = sha256(convert_to(content, 'UTF8'))),
    file_digest text NOT NULL, -- of the file that was compared
    issued_at timestamptz NOT NULL,
    PRIMARY KEY (channel, settle_date, version)
);
-- Evidence: rows are only added.
REVOKE UPDATE, DELETE ON certificate FROM zhangfang_platform;
