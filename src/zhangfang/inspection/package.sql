-- name: acts
-- Where the chain of acts of the business dates from $1 to $2 begins and ends.
WITH span AS (
    SELECT min(seq) AS first, max(seq) AS last FROM operator_act
    WHERE id >= ledger_first_id($1::date::timestamp AT TIME ZONE 'Asia/Shanghai')
        AND id < ledger_first_id(($2::date + 1)::timestamp AT TIME ZONE 'Asia/Shanghai')
)
SELECT
    coalesce(s.first, 0) AS first, coalesce(s.last - s.first + 1, 0) AS count,
    coalesce((SELECT encode(before, 'hex') FROM operator_act WHERE seq = s.first), '') AS before,
    coalesce((SELECT encode(hash, 'hex') FROM operator_act WHERE seq = s.last), '') AS head
FROM span s
