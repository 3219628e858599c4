-- What `intent_match` replaces. The indexes that name the column go with it.
DROP TRIGGER intent_match_follows ON intent;
DROP TRIGGER intent_match_begins ON intent;
-- squawk-ignore ban-drop-function
DROP FUNCTION intent_match_follows();
-- squawk-ignore ban-drop-column
ALTER TABLE intent DROP COLUMN matched_on;
