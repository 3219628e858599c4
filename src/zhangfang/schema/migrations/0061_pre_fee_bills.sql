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

-- The lines of a merchant's pending money: a fee that is taken at settlement is in none before it.
CREATE OR REPLACE VIEW merchant_line AS
SELECT
    i.id, i.merchant, i.id AS payment,
    i.amount - CASE WHEN i.fee_taken = '' OR i.settlement IS NOT NULL THEN i.fee ELSE 0 END AS net,
    i.settlement AS batch, 'payment' AS part
FROM intent i
WHERE i.kind IN ('purchase', 'collection') AND i.state = 'SUCCESS'
UNION ALL
SELECT
    r.id, r.merchant, r.original AS payment,
    CASE WHEN r.fee_taken = '' OR r.settlement IS NOT NULL THEN r.fee ELSE 0 END - r.amount AS net,
    r.settlement AS batch, 'refund' AS part
FROM intent r
WHERE r.template IN ('R1', 'V1', 'U1') AND (r.settlement IS NOT NULL OR r.state NOT IN ('FAILED', 'REFUSED'))
UNION ALL
SELECT
    r.id, r.merchant, r.original AS payment,
    r.amount - CASE WHEN r.fee_taken = '' OR r.undo_settlement IS NOT NULL THEN r.fee ELSE 0 END AS net,
    r.undo_settlement AS batch, 'undo' AS part
FROM intent r
WHERE r.template IN ('R1', 'V1', 'U1') AND r.settlement IS NOT NULL AND r.state IN ('FAILED', 'REFUSED');
