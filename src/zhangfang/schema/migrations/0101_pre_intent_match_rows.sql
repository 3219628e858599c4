-- What was matched before.
INSERT INTO intent_match (intent, matched_on, line_no)
SELECT i.id, i.matched_on, (
    SELECT min(l.line_no) FROM file_line l
    WHERE l.intent = i.id AND l.settle_date = i.matched_on AND l.status IN ('matched', 'late', 'returned')
)
FROM intent i WHERE i.matched_on IS NOT NULL
ON CONFLICT DO NOTHING;
