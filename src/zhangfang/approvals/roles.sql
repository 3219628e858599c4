-- name: give
INSERT INTO operator_role (person, roles, given_by, given_at, proposal) VALUES ($1, $2, $3, $4, $5)

-- name: roles
SELECT roles FROM operator_role WHERE person = person_of($1) ORDER BY seq DESC LIMIT 1

-- name: person
SELECT person_of(name) FROM operator WHERE name = $1
