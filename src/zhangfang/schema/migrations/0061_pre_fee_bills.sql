-- Fees that are billed after the month. Money in fen; below zero, a bill gives back.
CREATE TABLE fee_bill (
    id uuid PRIMARY KEY,
    merchant text NOT NULL,
    month date NOT NULL CHECK (extract(day FROM month) = 1),
    amount bigint NOT NULL,
    lines int NOT NULL,
    automatic boolean NOT NULL, -- the contract lets it be taken from available money
    voucher uuid NOT NULL, -- F4
    created_at timestamptz NOT NULL,
    posted_at timestamptz,
    paid_voucher uuid, -- F4.available, of the present try
    paid_at timestamptz,
    UNIQUE (merchant, month)
);
CREATE INDEX fee_bill_open ON fee_bill (id) WHERE posted_at IS NULL OR paid_at IS NULL;

-- What a bill is made of: they sum to it. Rows are only added.
CREATE TABLE fee_bill_line (
    intent uuid PRIMARY KEY, -- a payment, or a refund of one that was billed
    bill uuid NOT NULL,
    fee bigint NOT NULL, -- below zero: given back
    number int NOT NULL, -- the order in which a month's volume was counted
    UNIQUE (bill, number)
);
REVOKE UPDATE, DELETE ON fee_bill_line FROM zhangfang_platform;

ALTER TABLE intent ADD COLUMN fee_bill uuid; -- the bill that holds it

-- VAT that was taken out of fee income, month by month.
CREATE TABLE fee_vat (
    month date PRIMARY KEY CHECK (extract(day FROM month) = 1),
    voucher uuid NOT NULL, -- D6
    income bigint NOT NULL, -- with the tax; all of the ledger up to the end of the month that no earlier row has
    rate_ppm int NOT NULL,
    tax bigint NOT NULL,
    stored_at timestamptz NOT NULL,
    posted_at timestamptz
);

-- The fee that a settlement takes (F2): of its payments, less what refunds before it would have given back.
CREATE FUNCTION settlement_fee(batch uuid) RETURNS bigint
LANGUAGE sql STABLE
AS $$
    SELECT (
        coalesce((
            SELECT sum(CASE WHEN i.original IS NULL THEN i.fee ELSE -i.fee END) FROM intent i
            WHERE i.settlement = batch AND i.fee_taken = 'settlement'
        ), 0) + coalesce((
            SELECT sum(i.fee) FROM intent i WHERE i.undo_settlement = batch AND i.fee_taken = 'settlement'
        ), 0)
    )::bigint
$$;
