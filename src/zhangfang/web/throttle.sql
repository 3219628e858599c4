-- name: count
-- A try that is refused does not prolong the refusal.
INSERT INTO login_try AS t (key, tries, last_at) VALUES ($1, 1, now())
ON CONFLICT (key) DO UPDATE SET
    tries = CASE WHEN t.last_at < now() - $2::interval THEN 1 ELSE t.tries + 1 END,
    last_at = CASE WHEN t.tries >= $3 AND t.last_at >= now() - $2::interval THEN t.last_at ELSE now() END
RETURNING tries, last_at + $2::interval AS locked_until

-- name: forget
DELETE FROM login_try WHERE key = $1 OR last_at < now() - interval '1 day'

-- name: take_back
UPDATE login_try SET tries = tries - 1 WHERE key = ANY($1::text[])
