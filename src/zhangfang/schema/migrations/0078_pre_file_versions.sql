-- A corrected file: same channel and date, other bytes. Its lines are kept whole, and how they differ from the version in
-- force. Two persons let the differences be applied; nothing that was stored before is edited.
CREATE TABLE file_version (
    id uuid PRIMARY KEY,
    channel text NOT NULL,
    settle_date date NOT NULL,
    number int NOT NULL, -- the first file is 1
    name text NOT NULL,
    digest text NOT NULL, -- SHA-256 hex of the bytes received
    replaces text NOT NULL, -- the digest of the version that was in force when it was offered
    offered_at timestamptz NOT NULL,
    vouchers uuid [] NOT NULL, -- of the differences: S1, S2, S3, S11, S10, S4, S5
    before bigint [], -- the same sums before it was applied, the last one is the net amount; null until then
    arrived boolean, -- whether the money of the version before had arrived
    base int, -- the line numbers of its new lines begin after this one
    placed_at timestamptz,
    applied_at timestamptz,
    UNIQUE (channel, settle_date, number)
);

CREATE TABLE file_version_line (
    version uuid NOT NULL REFERENCES file_version,
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
    unread text NOT NULL,
    PRIMARY KEY (version, line_no)
);

CREATE TABLE file_difference (
    version uuid NOT NULL REFERENCES file_version,
    what text NOT NULL CHECK (what IN ('added', 'gone')),
    line_no int NOT NULL, -- of an added line in its own version, of a gone one in the file
    status text NOT NULL, -- of a gone line, and what it had proven
    intent uuid,
    PRIMARY KEY (version, what, line_no)
);

REVOKE UPDATE, DELETE ON file_version, file_version_line, file_difference FROM zhangfang_platform;
GRANT UPDATE (before, arrived, base, placed_at, applied_at) ON file_version TO zhangfang_platform;
