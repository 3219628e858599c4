-- What two people agreed gives roles once: the row cannot be written again after somebody took the roles away.
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX operator_role_proposal ON operator_role (proposal);
