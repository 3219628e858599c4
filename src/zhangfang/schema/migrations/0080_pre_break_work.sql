-- Breaks as work: who has one, what people attach to it, and what a cure of two people says that a bank line was.
ALTER TABLE break
ADD COLUMN owner text, -- who works on it
ADD COLUMN identified uuid; -- the payment that a cure names (X3)

CREATE TABLE break_paper (
    id uuid PRIMARY KEY,
    break uuid NOT NULL,
    name text NOT NULL,
    media text NOT NULL, -- by its content
    bytes bytea NOT NULL CHECK (length(bytes) BETWEEN 1 AND 5242880),
    digest bytea NOT NULL CHECK (digest = sha256(bytes)),
    added_by text NOT NULL,
    added_at timestamptz NOT NULL
);
CREATE INDEX break_paper_break ON break_paper (break);

-- What became of each break of a bulk cure: one row once it is over for that break.
CREATE TABLE bulk_cure_item (
    proposal uuid NOT NULL,
    break uuid NOT NULL,
    result text NOT NULL, -- the cure, or why it was refused
    done_at timestamptz NOT NULL,
    PRIMARY KEY (proposal, break)
);

REVOKE UPDATE, DELETE ON break_paper, bulk_cure_item FROM zhangfang_platform;
CREATE TRIGGER break_paper_append_only BEFORE UPDATE OR DELETE ON break_paper
FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER bulk_cure_item_append_only BEFORE UPDATE OR DELETE ON bulk_cure_item
FOR EACH ROW EXECUTE FUNCTION append_only();
