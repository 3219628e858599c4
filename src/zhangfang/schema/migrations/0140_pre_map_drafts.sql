-- Column maps that a person has begun on the page and goes on with later: what the form holds, never the file's rows. It is
-- working paper and no evidence: it is saved over, and gone when the map is proposed.
CREATE TABLE column_map_draft (
    saved_by text NOT NULL,
    name text NOT NULL CHECK (name <> ''),
    typed text NOT NULL CHECK (length(typed) <= 65536), -- JSON: the form's fields
    saved_at timestamptz NOT NULL,
    PRIMARY KEY (saved_by, name)
);
