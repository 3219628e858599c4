-- A file is placed once: what it does not list is decided with its lines, and a repeat books what was decided then.
ALTER TABLE channel_file ADD COLUMN placed_at timestamptz;
