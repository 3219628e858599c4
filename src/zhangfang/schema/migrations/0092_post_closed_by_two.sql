-- A close, too, is now two people's: one proposes, another approves. The release before this one closed by one person.
-- A close of one person that was never answered ends here; whether the ledger has closed is in `head` all the same.
UPDATE books_request SET result = 'withdrawn', ended_at = now()
WHERE what = 'close' AND ended_at IS NULL AND approved_by IS NULL;
-- It holds for new rows; those from before keep what they say.
ALTER TABLE books_request ADD CONSTRAINT closed_by_two CHECK (
    what = 'reopen' OR seq IS NULL
    OR approved_by IS NOT NULL AND lower(btrim(approved_by)) <> lower(btrim(asked_by))
) NOT VALID;
