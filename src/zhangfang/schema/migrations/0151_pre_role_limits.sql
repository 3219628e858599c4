-- How much a role may move, in fen: within 24 hours where a person makes it (refund, adjustment), otherwise each time. No
-- row: nothing. The database's owner sets them.
CREATE TABLE role_limit (
    role text NOT NULL,
    what text NOT NULL, -- refund, adjustment, cure or write_off
    most bigint NOT NULL CHECK (most >= 0),
    PRIMARY KEY (role, what)
);
INSERT INTO role_limit (role, what, most) VALUES
('support', 'refund', 100000),
('finance_maker', 'refund', 100000),
('finance_checker', 'refund', 100000000),
('finance_maker', 'adjustment', coalesce((SELECT most FROM adjustment_limit WHERE role = 'operator'), 0)),
('finance_checker', 'adjustment', coalesce((SELECT most FROM adjustment_limit WHERE role = 'chief_accountant'), 0)),
('finance_maker', 'cure', 1000000000),
('finance_checker', 'cure', 10000000000),
('finance_maker', 'write_off', 100000000),
('finance_checker', 'write_off', 1000000000);
REVOKE INSERT, UPDATE, DELETE ON role_limit FROM zhangfang_platform;
