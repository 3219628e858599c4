-- Two persons: what one proposes has an id and the SHA-256 of its content, and another one approves exactly that. What
-- people do is one chain: each row has the hash of the row before it, so a row that is changed, taken out or put in is found.

-- An operator's name is kept folded (NFKC, case, spaces), so that two spellings are one person.
ALTER TABLE operator
ADD COLUMN passes smallint NOT NULL DEFAULT 1, -- of scrypt
ADD COLUMN disabled_at timestamptz;

-- Rows are only added. Whether a proposal is open follows from the acts that name it.
CREATE TABLE proposal (
    id uuid PRIMARY KEY,
    kind text NOT NULL, -- which context carries it out: outcome, cure, …
    target text NOT NULL, -- what it is about; one of a kind is open for a target at a time
    content text NOT NULL, -- JSON; these bytes are carried out, and hashed
    hash bytea NOT NULL CHECK (hash = sha256(convert_to(content, 'UTF8'))),
    proposed_by text NOT NULL,
    proposed_at timestamptz NOT NULL,
    reason text NOT NULL
);
CREATE INDEX proposal_target ON proposal (target);

-- The end of the chain of acts: it orders those who write at once, and shows when the newest rows were taken away.
CREATE TABLE act_head (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    seq bigint NOT NULL,
    hash bytea NOT NULL
);
INSERT INTO act_head (seq, hash) VALUES (0, sha256(''));

ALTER TABLE operator_act
ADD COLUMN seq bigint,
ADD COLUMN before bytea, -- hash of the row before
ADD COLUMN hash bytea,
ADD COLUMN proposal uuid, -- which proposal was proposed, approved, withdrawn or done
ADD COLUMN digest bytea, -- hash of that proposal's content
ADD COLUMN result_of uuid, -- the act that this row tells the result of
ADD COLUMN fen bigint; -- what the act moves

CREATE FUNCTION act_hash(act operator_act) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(convert_to(json_build_array(
        encode(act.before, 'hex'), act.seq, act.id, to_char(act.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'),
        act.operator, act.act, act.target, act.reason, act.proposal, encode(act.digest, 'hex'), act.result_of, act.fen
    )::text, 'UTF8'))
$$;

-- Whoever adds an act, this puts it at the end of the chain. It runs as the tables' owner: nobody else may write the head.
CREATE FUNCTION chain_act() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    SELECT h.seq + 1, h.hash INTO NEW.seq, NEW.before FROM act_head h FOR UPDATE;
    NEW.hash := act_hash(NEW);
    UPDATE act_head SET seq = NEW.seq, hash = NEW.hash;
    RETURN NEW;
END
$$;

-- What stands in the table already is chained in its order.
DO $$
DECLARE
    one operator_act;
BEGIN
    FOR one IN SELECT * FROM operator_act ORDER BY id LOOP
        SELECT h.seq + 1, h.hash INTO one.seq, one.before FROM act_head h;
        one.hash := act_hash(one);
        UPDATE operator_act SET seq = one.seq, before = one.before, hash = one.hash WHERE id = one.id;
        UPDATE act_head SET seq = one.seq, hash = one.hash;
    END LOOP;
END
$$;
-- People's acts are few: these indexes are built in a moment.
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX operator_act_seq ON operator_act (seq);
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX operator_act_decided ON operator_act (proposal) WHERE act IN ('approve', 'withdraw');
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX operator_act_done ON operator_act (proposal) WHERE act = 'done';
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX operator_act_result ON operator_act (result_of) WHERE result_of IS NOT NULL;
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX operator_act_moved ON operator_act (operator, at) WHERE fen IS NOT NULL;

-- Whatever program writes here: who approves is an operator who may act, is not who proposed, and saw this very content.
CREATE FUNCTION approved_by_another() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM proposal p JOIN operator o ON o.name = NEW.operator
        WHERE p.id = NEW.proposal AND p.hash = NEW.digest AND p.proposed_by <> NEW.operator AND o.disabled_at IS NULL
    ) THEN
        RAISE check_violation USING MESSAGE = 'an approval needs another operator, and the hash of what was proposed';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER operator_act_by_another BEFORE INSERT ON operator_act
FOR EACH ROW WHEN (NEW.act = 'approve') EXECUTE FUNCTION approved_by_another();
CREATE TRIGGER operator_act_chained BEFORE INSERT ON operator_act FOR EACH ROW EXECUTE FUNCTION chain_act();
CREATE TRIGGER operator_act_append_only BEFORE UPDATE OR DELETE ON operator_act
FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER proposal_append_only BEFORE UPDATE OR DELETE ON proposal
FOR EACH ROW EXECUTE FUNCTION append_only();

-- A proposal and what became of it: open until it is approved or withdrawn, and done when its result is stored.
CREATE VIEW proposal_standing AS
SELECT p.*, d.act AS decision, d.operator AS decided_by, d.at AS decided_at, e.reason AS result, e.at AS done_at
FROM proposal p
LEFT JOIN operator_act d ON d.proposal = p.id AND d.act IN ('approve', 'withdraw')
LEFT JOIN operator_act e ON e.proposal = p.id AND e.act = 'done';

-- The proposal that waits for a second person. Null: none, or one from before proposals had ids, to be proposed again.
ALTER TABLE break ADD COLUMN proposal uuid;
ALTER TABLE duplicate ADD COLUMN proposal uuid;
ALTER TABLE table_release ADD COLUMN proposal uuid;
