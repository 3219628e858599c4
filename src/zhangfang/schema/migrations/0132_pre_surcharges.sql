-- A fee that the payer pays on top of the price: part of the payment's amount, and its fee.
ALTER TABLE intent ADD COLUMN surcharge bigint NOT NULL DEFAULT 0;
