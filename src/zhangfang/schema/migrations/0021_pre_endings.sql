-- An ending that gives money back is stored before the ledger is asked: from then on no evidence moves the intent. It is
-- 'FAILED' or 'REFUSED' for the intent, 'CREATED' for an attempt, whose successor goes by `next_channel`.
ALTER TABLE intent ADD COLUMN ending text;
ALTER TABLE intent ADD COLUMN next_channel text;
ALTER TABLE intent ADD COLUMN next_version int; -- of the table that chose it
