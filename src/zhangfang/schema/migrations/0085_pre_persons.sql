-- A person may have several log-ins. Who proposes and who approves are compared as persons.
ALTER TABLE operator ADD COLUMN person text; -- whose log-in it is; null: the person has the log-in's own name

CREATE FUNCTION person_of(login text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT o.person FROM operator o WHERE o.name = login), login)
$$;

-- Whatever program writes here: who approves is an operator who may act, is another person than who proposed, and saw this
-- very content.
CREATE OR REPLACE FUNCTION approved_by_another() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM proposal p JOIN operator o ON o.name = NEW.operator
        WHERE p.id = NEW.proposal AND p.hash = NEW.digest AND o.disabled_at IS NULL
            AND person_of(p.proposed_by) <> person_of(NEW.operator)
    ) THEN
        RAISE check_violation USING MESSAGE = 'an approval needs another person, and the hash of what was proposed';
    END IF;
    RETURN NEW;
END
$$;
