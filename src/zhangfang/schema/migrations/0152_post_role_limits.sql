-- The limits of adjustments are rows of `role_limit` now.
-- squawk-ignore ban-drop-table
DROP TABLE adjustment_limit;
