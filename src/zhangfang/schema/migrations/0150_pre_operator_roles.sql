-- Which roles a person has: the newest row of the person says it, and rows are only added. What a role may do is a table of
-- the program (`roles.csv`).
CREATE TABLE operator_role (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person text NOT NULL, -- as `person_of` gives it: roles belong to persons, not to log-ins
    roles text [] NOT NULL,
    given_by text NOT NULL, -- `owner`, or who proposed and who approved
    given_at timestamptz NOT NULL,
    proposal uuid -- null: the database's owner gave them
);
-- A new table: the index is built in a moment.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX operator_role_person ON operator_role (person, seq);

-- Until now every operator could do everything: each keeps that, until somebody takes roles away.
INSERT INTO operator_role (person, roles, given_by, given_at)
SELECT DISTINCT ON (person_of(name))
    person_of(name),
    ARRAY['support', 'finance_maker', 'finance_checker', 'risk', 'admin'],
    'owner',
    created_at
FROM operator ORDER BY person_of(name), created_at;

-- Whoever may not make operators gives roles only as two people have agreed. It is looked at when the transaction ends,
-- because the approval is its last row.
CREATE FUNCTION roles_by_two() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT has_table_privilege('operator', 'INSERT') AND NOT EXISTS (
        SELECT FROM proposal p JOIN operator_act a ON a.proposal = p.id AND a.act = 'approve'
        WHERE p.id = NEW.proposal AND p.kind = 'roles' AND p.content::json ->> 'person' = NEW.person
            AND (
                SELECT coalesce(array_agg(r ORDER BY n), '{}')
                FROM json_array_elements_text(p.content::json -> 'roles') WITH ORDINALITY AS given (r, n)
            ) = NEW.roles
    ) THEN
        RAISE check_violation USING MESSAGE = 'roles are given by the database''s owner, or as two people have agreed';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER operator_role_by_two AFTER INSERT ON operator_role
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION roles_by_two();
CREATE TRIGGER operator_role_append_only BEFORE UPDATE OR DELETE ON operator_role
FOR EACH ROW EXECUTE FUNCTION append_only();
REVOKE UPDATE, DELETE ON operator_role FROM zhangfang_platform;
