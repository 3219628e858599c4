-- A merchant's key may end at a moment, so that the next one overlaps with it; and people see when it was last used.
ALTER TABLE api_key
ADD COLUMN expires_at timestamptz, -- the machine's time, as of sessions; null: it has no end
ADD COLUMN last_used_at timestamptz; -- to about a minute; null: never, or before this column
