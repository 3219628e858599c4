-- The key that signs cookies comes from the vault's key file now: whoever reads the database cannot sign one.
-- squawk-ignore ban-drop-table
DROP TABLE console_key;
-- squawk-ignore ban-drop-table
DROP TABLE login_failure;
