-- Settlement by cycle, with a least amount, a rolling reserve, and negative batches that are carried.
ALTER TABLE merchant_terms
ADD COLUMN cycle text NOT NULL DEFAULT '', -- D+0, T+n, W1-W7 or M1-M31; empty: T+settlement_days
ADD COLUMN least_fen bigint NOT NULL DEFAULT 0, -- what comes to less waits for the next run
ADD COLUMN reserve_ppm int NOT NULL DEFAULT 0, -- rolling reserve, in millionths of what is settled
ADD COLUMN reserve_days int NOT NULL DEFAULT 0, -- until it is released
ADD COLUMN when_short text NOT NULL DEFAULT 'refuse'; -- a refund that available money does not cover: refuse, guarantee

-- A product may have a cycle of its own; an empty one is the merchant's again.
CREATE TABLE product_cycle (
    merchant text NOT NULL,
    product text NOT NULL, -- cashier, alipay_app, collection
    effective_from date NOT NULL,
    cycle text NOT NULL,
    PRIMARY KEY (merchant, product, effective_from)
);

-- What holds for a merchant's payments that were accepted from `since` until before `until`, by cycle; a product's span is
-- asked for first. So terms are joined, and not asked for payment by payment.
CREATE VIEW terms_span AS
SELECT
    t.merchant, t.since, coalesce(lead(t.since) OVER (PARTITION BY t.merchant ORDER BY t.since), 'infinity') AS until,
    t.cycle, t.auto_payout, t.least_fen, t.reserve_ppm, t.reserve_days, t.when_short
FROM (
    SELECT
        m.id AS merchant, date '-infinity' AS since, 'T+' || m.settlement_days AS cycle, m.auto_payout, 0::bigint AS least_fen,
        0 AS reserve_ppm, 0 AS reserve_days, 'refuse' AS when_short
    FROM merchant m
    UNION ALL
    SELECT
        merchant, effective_from, coalesce(nullif(cycle, ''), 'T+' || settlement_days), auto_payout, least_fen,
        reserve_ppm, reserve_days, when_short
    FROM merchant_terms
) AS t;

CREATE VIEW product_span AS
SELECT
    merchant, product, effective_from AS since,
    coalesce(lead(effective_from) OVER (PARTITION BY merchant, product ORDER BY effective_from), 'infinity') AS until,
    nullif(cycle, '') AS cycle
FROM product_cycle;

-- lines of the batch + carried + released = set off + recovered + reserved + amount
ALTER TABLE settlement
ADD COLUMN carried bigint NOT NULL DEFAULT 0, -- by how much the lines came to less than nothing
ADD COLUMN owed bigint NOT NULL DEFAULT 0, -- what of that no later batch has set off yet
ADD COLUMN recovered bigint NOT NULL DEFAULT 0, -- T3: pays back an advance
ADD COLUMN reserved bigint NOT NULL DEFAULT 0, -- T2: held back as a rolling reserve
ADD COLUMN release_on date, -- from when that is released
ADD COLUMN release uuid, -- the batch that released it
ADD COLUMN released bigint NOT NULL DEFAULT 0, -- T2.release: of earlier batches' reserves
ADD COLUMN absorbed bigint NOT NULL DEFAULT 0; -- due for release, but taken by refunds; below zero: came back from failed ones

-- Which batch has set off how much of an earlier one that came to less than nothing.
CREATE TABLE settlement_set_off (
    carried uuid NOT NULL, -- the earlier batch
    by uuid NOT NULL, -- the later one, which has so much less
    merchant text NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    PRIMARY KEY (by, carried)
);
