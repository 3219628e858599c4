-- name: acts
SELECT a.at, a.operator, a.act, a.target, a.reason, p.kind, r.reason AS result
FROM operator_act a
LEFT JOIN proposal p ON p.id = a.proposal
LEFT JOIN LATERAL (SELECT reason FROM operator_act WHERE result_of = a.id ORDER BY seq LIMIT 1) r ON true
WHERE a.result_of IS NULL AND a.act NOT IN ('sign in', 'sign in refused', 'export', 'view', 'refused')
ORDER BY a.seq DESC LIMIT $1

-- name: acts_on
SELECT a.at, a.operator, a.act, a.target, a.reason, p.kind, r.reason AS result
FROM operator_act a
LEFT JOIN proposal p ON p.id = a.proposal
LEFT JOIN LATERAL (SELECT reason FROM operator_act WHERE result_of = a.id ORDER BY seq LIMIT 1) r ON true
WHERE a.target = $1 AND a.result_of IS NULL
ORDER BY a.seq LIMIT 500

-- name: record_act
INSERT INTO operator_act (id, at, operator, act, target, reason, proposal, digest, result_of, fen)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
