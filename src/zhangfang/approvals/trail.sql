-- name: before_moment
SELECT seq FROM operator_act WHERE at < $1 ORDER BY at DESC, seq DESC LIMIT 1

-- name: length
SELECT seq FROM act_head

-- name: all
SELECT * FROM act_told WHERE seq > $1 AND seq < $2 ORDER BY seq DESC LIMIT $3

-- name: of_person
SELECT * FROM act_told WHERE seq > $1 AND seq < $2 AND operator = $4 ORDER BY seq DESC LIMIT $3

-- name: of_kind
SELECT * FROM act_told WHERE seq > $1 AND seq < $2 AND act = $4 ORDER BY seq DESC LIMIT $3

-- name: of_both
SELECT * FROM act_told WHERE seq > $1 AND seq < $2 AND operator = $4 AND act = $5 ORDER BY seq DESC LIMIT $3
