-- A bank account that somebody named in a proposal: the proposal is hashed, so its token stands here, where a rotation of the
-- key can seal it again. The content of the proposal holds this id, the tail, and a keyed fingerprint.
CREATE TABLE kept_account (
    id uuid PRIMARY KEY,
    token text NOT NULL, -- vault, purpose kept_account/<id>: JSON
    kept_at timestamptz NOT NULL
);
REVOKE UPDATE, DELETE ON kept_account FROM zhangfang_platform;
GRANT UPDATE (token) ON kept_account TO zhangfang_platform;

-- The company's own account, to which its money leaves the reserve. Rows are only added; the newest one counts.
CREATE TABLE own_account (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE, -- of the kept account
    proposal uuid NOT NULL UNIQUE,
    tail text NOT NULL,
    name_masked text NOT NULL,
    bank text NOT NULL,
    fingerprint text NOT NULL, -- vault, purpose kept_account
    approved_by text NOT NULL, -- both
    approved_at timestamptz NOT NULL
);
REVOKE UPDATE, DELETE ON own_account FROM zhangfang_platform;
