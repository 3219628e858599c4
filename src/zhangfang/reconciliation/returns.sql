-- name: get
SELECT * FROM break WHERE id = $1

-- name: begin
UPDATE break SET cure = 'B3', cured_on = $2, cleared_by = $3
WHERE id = $1 AND cleared_at IS NULL AND template = 'B1' AND (cure IS NULL OR cure = 'B3')
RETURNING *

-- name: ended
SELECT b.id, b.returned_by, i.state, i.code, i.message
FROM break b JOIN intent i ON i.id = b.returned_by
WHERE b.cleared_at IS NULL AND b.cure = 'B3' AND i.state IN ('SUCCESS', 'FAILED', 'REFUSED')
ORDER BY b.id

-- name: clear
UPDATE break SET cleared_at = $2 WHERE id = $1 AND cleared_at IS NULL

-- name: open_again
-- A definite failure put the money back into 2351: the break is open as before, and another cure can be chosen.
UPDATE break SET
    cure = NULL, cured_on = NULL, cleared_by = NULL, returned_by = NULL, proposed_cure = NULL, proposed_for = NULL,
    proposed_by = NULL, proposal = NULL, note = concat_ws('; ', nullif(note, ''), $3::text)
WHERE id = $1 AND returned_by = $2
