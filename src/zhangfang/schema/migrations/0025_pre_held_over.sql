-- What could not be done on its date is done later.
ALTER TABLE settlement ADD COLUMN pays_out boolean; -- by itself; null: made before, and the merchant's terms say it
ALTER TABLE task ADD COLUMN succeeded_at timestamptz; -- of a task that comes again: when it last was done
