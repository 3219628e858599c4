-- As before; but pages that reach over an end are few, and each of their lines is found by its number. The planner, which
-- does not know that, read all transfers for them.
CREATE OR REPLACE FUNCTION books_moved(of_shard smallint, after bigint, until bigint)
RETURNS TABLE (account uuid, business_date date, debits bigint, credits bigint)
LANGUAGE sql STABLE
SET enable_seqscan = off -- the planner cannot know that the span is short
AS $$
    SELECT e.account, e.business_date, sum(e.debits)::bigint, sum(e.credits)::bigint
    FROM (
        SELECT p.account, p.business_date, p.debit_sum AS debits, p.credit_sum AS credits
        FROM account_page p
        WHERE p.shard = of_shard AND p.seq > after AND p.seq <= until AND p.first_seq > after
        UNION ALL
        SELECT p.account, p.business_date,
            CASE WHEN t.debit = p.account THEN t.amount ELSE 0 END,
            CASE WHEN t.credit = p.account THEN t.amount ELSE 0 END
        FROM account_page p
        CROSS JOIN LATERAL unnest(p.lines) AS line
        CROSS JOIN LATERAL ( -- OFFSET 0 forces the index
            SELECT * FROM transfer WHERE shard = of_shard AND seq = p.first_seq + line OFFSET 0
        ) t
        WHERE p.shard = of_shard AND p.seq > after AND p.first_seq <= until AND (p.first_seq <= after OR p.seq > until)
            AND p.first_seq + line > after AND p.first_seq + line <= until AND t.flags & 202 = 0
        UNION ALL
        SELECT side.account, t.business_date, side.debit, side.credit
        FROM transfer t
        CROSS JOIN LATERAL (VALUES (t.debit, t.amount, 0::bigint), (t.credit, 0, t.amount)) AS side (account, debit, credit)
        WHERE t.shard = of_shard AND t.seq <= until AND t.flags & 202 = 0
            AND t.seq > greatest(after, coalesce((SELECT c.paged FROM ledger_checkpoint c WHERE c.shard = of_shard), 0))
    ) e
    GROUP BY e.account, e.business_date
$$;
