-- Which file lists a payment. A match is a narrow row of its own: the payment's row, with all its indexes, stays as it is.
-- A payment has at most one; a corrected file that has its line no more takes it away.
CREATE TABLE intent_match (
    intent uuid PRIMARY KEY,
    matched_on date NOT NULL, -- settlement date of the file of the payment's channel
    line_no int -- its line there; null for a voided pair that the channel leaves out, and for what people let count as listed
);
REVOKE UPDATE ON intent_match FROM zhangfang_platform;

-- The release before this one still writes `intent.matched_on`, until it is gone.
CREATE FUNCTION intent_match_follows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM intent_match WHERE intent = new.id;
    IF new.matched_on IS NOT NULL THEN
        INSERT INTO intent_match (intent, matched_on, line_no)
        SELECT new.id, new.matched_on, (
            SELECT min(l.line_no) FROM file_line l
            WHERE l.intent = new.id AND l.settle_date = new.matched_on AND l.status IN ('matched', 'late', 'returned')
        );
    END IF;
    RETURN new;
END
$$;
CREATE TRIGGER intent_match_follows AFTER UPDATE OF matched_on ON intent
FOR EACH ROW WHEN (new.matched_on IS DISTINCT FROM old.matched_on) EXECUTE FUNCTION intent_match_follows();
CREATE TRIGGER intent_match_begins AFTER INSERT ON intent
FOR EACH ROW WHEN (new.matched_on IS NOT NULL) EXECUTE FUNCTION intent_match_follows();
