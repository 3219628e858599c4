-- A merchant is paid out only to an account that two people have agreed on. One that a merchant is created with is named by the
-- admin key, and waits for them. Accounts from before stay as they are.
ALTER TABLE settlement_account
ADD COLUMN agreed_by text, -- both; null: nobody yet, so nothing is paid there
ADD COLUMN proposal uuid;
UPDATE settlement_account SET agreed_by = 'admin key, before two people were needed';
REVOKE UPDATE, DELETE ON settlement_account FROM zhangfang_platform;
GRANT UPDATE (token, replaced_at, agreed_by, proposal) ON settlement_account TO zhangfang_platform;

-- Whatever program writes here: an account that is agreed on has a proposal that another person has approved.
CREATE FUNCTION account_by_two() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM operator_act a JOIN proposal p ON p.id = a.proposal
        WHERE a.proposal = NEW.proposal AND a.act = 'approve' AND p.kind = 'settlement account' AND p.target = NEW.merchant
    ) THEN
        RAISE check_violation USING MESSAGE = 'a settlement account needs a proposal that another person has approved';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER settlement_account_by_two AFTER INSERT OR UPDATE OF agreed_by, proposal ON settlement_account
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.agreed_by IS NOT NULL) EXECUTE FUNCTION account_by_two();
