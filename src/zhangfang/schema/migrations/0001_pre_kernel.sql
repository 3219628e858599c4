-- Which migrations this database has, and the SHA-256 of each file as it was applied.
CREATE TABLE schema_migration (
    number      integer     PRIMARY KEY,
    file        text        NOT NULL UNIQUE,
    sha256      bytea       NOT NULL CHECK (length(sha256) = 32),
    applied_at  timestamptz NOT NULL DEFAULT now()
);
