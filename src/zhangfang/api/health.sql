-- name: write
-- Fails where nothing can be stored: the table begins anew each time, so its rows always need new space on the disk.
SELECT write_probe()
