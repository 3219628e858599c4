-- name: get
SELECT * FROM break WHERE id = $1

-- name: begin
UPDATE break SET cure = $4, cured_on = coalesce(cured_on, $2), cleared_by = $3
WHERE id = $1 AND cleared_at IS NULL AND template = CASE $4 WHEN 'X4' THEN 'X1' ELSE 'B1' END
    AND (cure IS NULL OR cure = $4)
RETURNING *

-- name: late
-- Payments of orders that we had closed, which the channel's file lists: each goes back by itself, once (R4). What failed
-- waits for people.
SELECT b.id
FROM break b JOIN intent i ON i.id = b.intent AND i.kind = 'purchase' AND i.state = 'CLOSED'
WHERE b.cleared_at IS NULL AND b.class = 'missing_here' AND b.template = 'B1' AND b.cure IS NULL AND b.proposal IS NULL
    AND NOT EXISTS (SELECT FROM intent r WHERE r.original = b.id)
ORDER BY b.id

-- name: ended
SELECT b.id, b.returned_by, i.state, i.code, i.message
FROM break b JOIN intent i ON i.id = b.returned_by
WHERE b.cleared_at IS NULL AND b.cure IN ('B3', 'R4', 'X4') AND i.state IN ('SUCCESS', 'FAILED', 'REFUSED')
ORDER BY b.id

-- name: came_back
-- What was sent back has come back after its success (退票): it lies in 2352 again.
SELECT b.id, b.returned_by
FROM intent i JOIN break b ON b.id = i.original AND b.returned_by = i.id AND b.cleared_at IS NOT NULL
WHERE i.merchant = 'platform' AND i.kind = 'payout' AND i.template = 'X4' AND i.returned_at >= $1

-- name: clear
UPDATE break SET cleared_at = $2 WHERE id = $1 AND cleared_at IS NULL

-- name: open_again
-- A definite failure put the money back into suspense: the break is open as before, and another cure can be chosen.
UPDATE break SET
    cure = NULL, cured_on = NULL, cleared_by = NULL, cleared_at = NULL, returned_by = NULL, proposed_cure = NULL,
    proposed_for = NULL, proposed_by = NULL, proposal = NULL, note = concat_ws('; ', nullif(note, ''), $3::text)
WHERE id = $1 AND returned_by = $2

-- name: false_success
SELECT EXISTS (SELECT FROM break WHERE intent = $1 AND cure = 'B6')
