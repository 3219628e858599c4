-- Fees by rules that two people agreed. Plain rules stay where they are; each gets an id, so that a payment can name the
-- rule that charged it.
ALTER TABLE fee_rule ADD COLUMN id uuid;
ALTER TABLE fee_rule ALTER COLUMN id SET DEFAULT gen_random_uuid();
UPDATE fee_rule SET id = gen_random_uuid() WHERE id IS NULL;

-- Rows are only added: a rule that has begun is never changed, and one that has not is replaced by a newer one.
CREATE TABLE agreed_fee (
    id uuid PRIMARY KEY, -- of the proposal by which two people agreed it
    subject text NOT NULL, -- a merchant; or a channel, whose charges are our cost
    rule text NOT NULL, -- JSON: the fields of merchants.FeeRule
    agreed_at timestamptz NOT NULL
);
CREATE INDEX agreed_fee_subject ON agreed_fee (subject);
REVOKE UPDATE, DELETE ON agreed_fee FROM zhangfang_platform;

ALTER TABLE intent
ADD COLUMN fee_rule uuid, -- the rule that charged the fee, of fee_rule or agreed_fee; null: from before rules had ids
-- when the fee is taken, if not with the payment; a refund before that gives nothing back, and is taken off what is due
ADD COLUMN fee_taken text NOT NULL DEFAULT '' CHECK (fee_taken IN ('', 'settlement', 'month', 'available'));
