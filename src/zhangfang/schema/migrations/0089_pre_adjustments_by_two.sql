-- Whatever program writes here: a voucher that two people decide on stands beside their approval when the transaction ends.
-- A freeze alone is urgent, and takes one person.
CREATE FUNCTION adjusted_by_two() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.purpose <> 'freeze'
        AND NOT EXISTS (SELECT FROM operator_act WHERE proposal = NEW.proposal AND act = 'approve') THEN
        RAISE check_violation USING MESSAGE = 'a voucher of people needs a proposal that another person has approved';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER adjustment_by_two AFTER INSERT ON adjustment
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION adjusted_by_two();

-- A top-up of the reserve that two people have announced: the line of the reserve's statement that brings it.
ALTER TABLE register_entry ADD COLUMN line text;
GRANT UPDATE (line) ON register_entry TO zhangfang_platform;
