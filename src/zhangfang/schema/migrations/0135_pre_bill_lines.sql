-- The line of the company's own bank statement by which a merchant paid its bill; null: taken from available money, or not paid.
ALTER TABLE fee_bill ADD COLUMN paid_line text;
