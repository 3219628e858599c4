-- An act as people read it: with the kind of the proposal that it was about, and how it ended.
CREATE VIEW act_told AS
SELECT a.seq, a.at, a.operator, a.act, a.target, a.reason, p.kind, r.reason AS result
FROM operator_act a
LEFT JOIN proposal p ON p.id = a.proposal
LEFT JOIN LATERAL (SELECT o.reason FROM operator_act o WHERE o.result_of = a.id ORDER BY o.seq LIMIT 1) r ON true
WHERE a.result_of IS NULL;

-- People's acts are few: these indexes are built in a moment.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX operator_act_person ON operator_act (operator, act, seq);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX operator_act_of_person ON operator_act (operator, seq);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX operator_act_kind ON operator_act (act, seq);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX operator_act_at ON operator_act (at);
