-- Terms that hold instead of those in the merchant's row, from a day in China on until the next ones. A payment is settled,
-- and its refund charged, by the terms of the day on which it was accepted, so rows of past days never change.
CREATE TABLE merchant_terms (
    merchant text NOT NULL,
    effective_from date NOT NULL,
    settlement_days int NOT NULL CHECK (settlement_days BETWEEN 0 AND 30), -- T+n in working days
    auto_payout boolean NOT NULL,
    keep_fee_on_refund boolean NOT NULL,
    PRIMARY KEY (merchant, effective_from)
);

CREATE FUNCTION merchant_terms_on(who text, day date) RETURNS SETOF merchant_terms
LANGUAGE sql STABLE
AS $$
    SELECT * FROM merchant_terms WHERE merchant = who AND effective_from <= day ORDER BY effective_from DESC LIMIT 1
$$;

-- Each change of a merchant's state; the merchant's row has the present one. Rows are only added.
CREATE TABLE merchant_state (
    id uuid PRIMARY KEY,
    merchant text NOT NULL,
    at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('active', 'frozen', 'closed')),
    changed_by text NOT NULL,
    reason text NOT NULL
);
CREATE INDEX merchant_state_merchant ON merchant_state (merchant, at);
