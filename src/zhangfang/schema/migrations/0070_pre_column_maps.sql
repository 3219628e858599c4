-- Column maps, by which files of any layout are read: each version never changes, and is live when another person approved it.
CREATE TABLE column_map (
    name text NOT NULL,
    version int NOT NULL, -- 1, 2, 3 … of the name
    content text NOT NULL, -- JSON
    digest text NOT NULL CHECK (digest = encode(sha256(convert_to(content, 'UTF8')), 'hex')),
    state text NOT NULL CHECK (state IN ('draft', 'live', 'retired')),
    made_by text NOT NULL,
    made_at timestamptz NOT NULL,
    reason text NOT NULL,
    proposal uuid NOT NULL,
    live_by text, -- who approved it; never who made it
    live_at timestamptz,
    PRIMARY KEY (name, version),
    CHECK (lower(live_by) <> lower(made_by))
);
CREATE UNIQUE INDEX column_map_live ON column_map (name) WHERE state = 'live';
REVOKE UPDATE, DELETE ON column_map FROM zhangfang_platform;
GRANT UPDATE (state, live_by, live_at) ON column_map TO zhangfang_platform;
