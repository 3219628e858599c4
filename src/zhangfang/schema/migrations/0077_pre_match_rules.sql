-- Which files a bank line of an account may pay together. Rows are made and ended by two persons, and keep what they say.
CREATE TABLE match_rule (
    id uuid PRIMARY KEY,
    account text NOT NULL, -- alias of the account
    channels text [] NOT NULL,
    says text NOT NULL CHECK (says <> ''), -- stands in the counterparty or in the text of the line
    days int NOT NULL CHECK (days BETWEEN 0 AND 31), -- how long before the line a file's date may lie
    made_at timestamptz NOT NULL,
    made_by text NOT NULL,
    ended_at timestamptz,
    ended_by text
);

-- Which line pays which file, stored before it is booked. A file is paid once.
CREATE TABLE bank_match (
    channel text NOT NULL,
    settle_date date NOT NULL,
    account text NOT NULL,
    sequence text NOT NULL, -- of the line
    rule uuid NOT NULL REFERENCES match_rule,
    matched_at timestamptz NOT NULL,
    PRIMARY KEY (channel, settle_date)
);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX bank_match_line ON bank_match (account, sequence);

REVOKE UPDATE, DELETE ON match_rule, bank_match FROM zhangfang_platform;
GRANT UPDATE (ended_at, ended_by) ON match_rule TO zhangfang_platform;
