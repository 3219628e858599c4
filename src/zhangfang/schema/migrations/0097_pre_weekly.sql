-- What the week is made of. Minutes are of the business clock.

-- Asked from outside the process that is asked. A minute without a row was not measured.
CREATE TABLE probe_minute (
    minute timestamptz NOT NULL,
    probe text NOT NULL, -- what was asked: api
    asked int NOT NULL,
    failed int NOT NULL, -- no answer in time, or one that is no 200
    max_ms int NOT NULL,
    PRIMARY KEY (minute, probe)
);

-- What the API answered, by the API itself.
CREATE TABLE request_minute (
    minute timestamptz NOT NULL,
    operation text NOT NULL,
    answered int NOT NULL,
    failed int NOT NULL, -- of these, with a status from 500 on
    PRIMARY KEY (minute, operation)
);

-- What went wrong, as people recorded it.
CREATE TABLE incident (
    id uuid PRIMARY KEY,
    service text NOT NULL,
    found text NOT NULL, -- what was seen
    began_at timestamptz NOT NULL,
    noticed_at timestamptz NOT NULL,
    ended_at timestamptz,
    minutes_down int NOT NULL DEFAULT 0, -- of a core operation
    payments_hit int NOT NULL DEFAULT 0, -- without an outcome, or with a wrong one, for a time
    fen_hit bigint NOT NULL DEFAULT 0,
    fen_wrong bigint NOT NULL DEFAULT 0, -- lost or doubled, and not put right on the same day
    on_statement boolean NOT NULL DEFAULT false, -- it reached a merchant's released statement
    cause text NOT NULL DEFAULT '',
    effect text NOT NULL DEFAULT '',
    handling text NOT NULL DEFAULT '',
    proposed_grade text CHECK (proposed_grade IN ('A', 'B', 'C', 'D')), -- by the rules of its day
    grade text CHECK (grade IN ('A', 'B', 'C', 'D')),
    graded_by text,
    approved_by text -- of a grade below the proposed one
);
CREATE INDEX incident_began ON incident (began_at);

CREATE TABLE incident_event (
    id uuid PRIMARY KEY,
    incident uuid NOT NULL REFERENCES incident,
    at timestamptz NOT NULL,
    by text NOT NULL,
    text text NOT NULL
);
CREATE INDEX incident_event_of ON incident_event (incident, id);
CREATE TRIGGER incident_event_append_only BEFORE UPDATE OR DELETE ON incident_event
FOR EACH ROW EXECUTE FUNCTION append_only();
REVOKE UPDATE, DELETE ON incident_event FROM zhangfang_platform;

-- From which size on an incident has a grade; a null is no reason. D is what has none.
CREATE TABLE grade_rule (
    effective_from date NOT NULL,
    grade text NOT NULL CHECK (grade IN ('A', 'B', 'C')),
    minutes_down int,
    payments_hit int,
    fen_wrong bigint,
    on_statement boolean,
    PRIMARY KEY (effective_from, grade)
);
INSERT INTO grade_rule VALUES
('2020-01-01', 'A', 60, NULL, 1, NULL),
('2020-01-01', 'B', 10, 10000, NULL, true),
('2020-01-01', 'C', 1, 100, NULL, NULL);

-- A week that is over is kept as it was printed; figures that come out otherwise later are a further version.
CREATE TABLE weekly_report (
    week text NOT NULL, -- 2026-W21
    version int NOT NULL CHECK (version > 0),
    as_of timestamptz NOT NULL,
    figures text NOT NULL, -- JSON; the digest is of these bytes
    digest text NOT NULL,
    PRIMARY KEY (week, version)
);
CREATE TRIGGER weekly_report_append_only BEFORE UPDATE OR DELETE ON weekly_report
FOR EACH ROW EXECUTE FUNCTION append_only();
REVOKE UPDATE, DELETE ON weekly_report FROM zhangfang_platform;
