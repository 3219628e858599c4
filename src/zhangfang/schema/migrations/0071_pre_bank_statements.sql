-- Statements that people bring, in the order in which they follow on each other. Rows are only added.
CREATE TABLE bank_statement (
    account text NOT NULL, -- alias, as in bank_line
    n int NOT NULL, -- 1, 2, 3 … of the account
    number text NOT NULL, -- the bank's own
    opening bigint NOT NULL, -- fen; below zero for a debt
    closing bigint NOT NULL,
    lines int NOT NULL, -- that were new
    name text NOT NULL, -- of the file
    digest text NOT NULL, -- SHA-256 hex of the file's bytes
    taken_by text NOT NULL,
    taken_at timestamptz NOT NULL,
    PRIMARY KEY (account, n)
);
REVOKE UPDATE, DELETE ON bank_statement FROM zhangfang_platform;
