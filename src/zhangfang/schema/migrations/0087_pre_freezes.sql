-- Freezes of a merchant's money (冻结), each with the order or the case that it is for. What it has taken are its vouchers.
CREATE TABLE money_freeze (
    id uuid PRIMARY KEY,
    merchant text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('court', 'risk', 'dispute')),
    reference text NOT NULL, -- the court's or the case's number
    reason text NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0), -- fen that were asked for
    given_up bigint NOT NULL DEFAULT 0 CHECK (given_up BETWEEN 0 AND amount), -- fen that thaws took back of that
    expires_on date, -- nothing ends by itself: people are reminded
    frozen_by text NOT NULL,
    frozen_at timestamptz NOT NULL,
    ended_at timestamptz, -- all of it is given up
    next_action_at timestamptz, -- while it has not taken all: it takes what comes in
    lease_until timestamptz,
    fence bigint NOT NULL DEFAULT 0
);
CREATE INDEX money_freeze_due ON money_freeze (next_action_at) WHERE next_action_at IS NOT NULL;
CREATE INDEX money_freeze_of ON money_freeze (merchant) WHERE ended_at IS NULL;

REVOKE UPDATE, DELETE ON money_freeze FROM zhangfang_platform;
GRANT UPDATE (given_up, ended_at, next_action_at, lease_until, fence) ON money_freeze TO zhangfang_platform;

-- A freeze with what it holds: what its vouchers took less what thaws gave back.
CREATE VIEW freeze_standing AS
SELECT f.*, coalesce(h.held, 0)::bigint AS held, coalesce(h.asked, 0)::int AS unanswered
FROM money_freeze f
LEFT JOIN LATERAL (
    SELECT
        sum(CASE a.purpose WHEN 'freeze' THEN a.amount ELSE -a.amount END) FILTER (WHERE a.result = 'posted') AS held,
        count(*) FILTER (WHERE a.ended_at IS NULL) AS asked
    FROM adjustment a WHERE a.of = f.id
) h ON true;
