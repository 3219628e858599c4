-- The lines that make a merchant's pending money (2321): what came in net of fee, less what went back out of it.
CREATE VIEW merchant_line AS
SELECT i.id, i.merchant, i.id AS payment, i.amount - i.fee AS net, i.settlement AS batch, 'payment' AS part
FROM intent i
WHERE i.kind IN ('purchase', 'collection') AND i.state = 'SUCCESS'
UNION ALL
SELECT r.id, r.merchant, r.original AS payment, r.fee - r.amount AS net, r.settlement AS batch, 'refund' AS part
FROM intent r
WHERE r.template IN ('R1', 'V1') AND (r.settlement IS NOT NULL OR r.state NOT IN ('FAILED', 'REFUSED'))
UNION ALL
SELECT r.id, r.merchant, r.original AS payment, r.amount - r.fee AS net, r.undo_settlement AS batch, 'undo' AS part
FROM intent r
WHERE r.template IN ('R1', 'V1') AND r.settlement IS NOT NULL AND r.state IN ('FAILED', 'REFUSED');
