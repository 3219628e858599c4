-- What `GET /health` writes to see that rows can be stored. A table that has free space takes rows on a full disk; this one
-- is emptied first, which gives it a new file, so its 32 pages (256 KiB) are asked of the disk each time. Unlogged: its
-- content is worth nothing. Whoever may call the function need not own the table.
CREATE UNLOGGED TABLE write_probe (
    at timestamptz NOT NULL,
    filling text NOT NULL
);
ALTER TABLE write_probe ALTER COLUMN filling SET STORAGE PLAIN;

CREATE FUNCTION write_probe() RETURNS timestamptz LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    TRUNCATE write_probe;
    INSERT INTO write_probe SELECT clock_timestamp(), repeat('x', 7000) FROM generate_series(1, 32);
    RETURN clock_timestamp();
END
$$;
