-- What a receiver of a split lacks at a refund may be advanced to it, within its own line.
ALTER TABLE split_back ADD COLUMN advanced bigint NOT NULL DEFAULT 0; -- fen of `amount`
