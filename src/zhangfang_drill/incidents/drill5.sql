-- name: unguard
-- The platform without the guard: its database accepts a second request with the same order number.
DROP INDEX intent_order;
CREATE INDEX intent_order ON intent (merchant, kind, order_no)

-- name: break_writes
-- F15: the status of a collection cannot be stored.
CREATE FUNCTION wrong_column_type() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'column "state" is of another type' USING ERRCODE = '42804';
END $$;
CREATE TRIGGER wrong_column_type BEFORE UPDATE OF state ON intent
FOR EACH ROW WHEN (old.kind = 'collection') EXECUTE FUNCTION wrong_column_type()

-- name: mend_writes
DROP TRIGGER wrong_column_type ON intent;
DROP FUNCTION wrong_column_type()

-- name: open_collections
SELECT count(*) FROM intent WHERE kind = 'collection' AND state NOT IN ('SUCCESS', 'FAILED', 'REFUSED', 'CLOSED')

-- name: resolved_by_query
-- How many order numbers of collections were ended by a status query.
SELECT count(DISTINCT (i.merchant, i.order_no)) FROM intent i
JOIN step s ON s.intent = i.id AND s.kind = 'query' AND s.state = 'SUCCESS'
WHERE i.kind = 'collection'

-- name: cases
SELECT count(*) FROM duplicate

-- name: reversing
SELECT count(*) FROM duplicate WHERE state NOT IN ('DONE', 'DISMISSED', 'PERSON')

-- name: healed
-- A duplicate that was not settled is reversed with its fee (U1). `legs` counts the legs of its payment and its reversal;
-- those on the merchant's accounts are left out of the merchant's statement. A settled one becomes an adjustment (U2).
WITH done AS (
    SELECT d.id, p.voucher AS paid, r.voucher AS back, r.template, r.fee = p.fee AS whole_fee
    FROM duplicate d
    JOIN intent p ON p.id = d.intent
    JOIN intent r ON r.id = d.reversal AND r.state = 'SUCCESS'
    WHERE d.state = 'DONE'
)
SELECT
    count(*) FILTER (WHERE template = 'U1' AND whole_fee) AS reversed,
    count(*) FILTER (WHERE template = 'U2') AS adjusted,
    (
        SELECT 2 * count(*) FROM done d JOIN transfer t ON t.voucher IN (d.paid, d.back) AND t.flags & 74 = 0
        WHERE d.template = 'U1'
    ) AS legs,
    (SELECT coalesce(sum(m.lines), 0)::bigint FROM masked_voucher m) AS masked_lines
FROM done

-- name: unfinished
SELECT * FROM intent WHERE kind = 'collection' AND state NOT IN ('SUCCESS', 'FAILED', 'REFUSED', 'CLOSED') ORDER BY id
