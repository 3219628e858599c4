-- A match rule may let a few lines go together: how many, how many days apart, and whether with the same text only.
ALTER TABLE match_rule ADD COLUMN lines int NOT NULL DEFAULT 1;
ALTER TABLE match_rule ADD COLUMN apart int NOT NULL DEFAULT 0;
ALTER TABLE match_rule ADD COLUMN same_text boolean NOT NULL DEFAULT false;
-- A changed rule is a new version, which ends the one that it replaces.
ALTER TABLE match_rule ADD COLUMN version int NOT NULL DEFAULT 1;
ALTER TABLE match_rule ADD COLUMN replaces uuid;

-- Which lines pay files together with a first one, the line of `bank_match`. A line goes with one other at most.
CREATE TABLE bank_match_further (
    account text NOT NULL, -- alias of the account
    sequence text NOT NULL,
    first text NOT NULL, -- number of the first line
    matched_at timestamptz NOT NULL,
    PRIMARY KEY (account, sequence)
);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX bank_match_further_first ON bank_match_further (account, first);

REVOKE UPDATE, DELETE ON bank_match_further FROM zhangfang_platform;
