-- name: insert_merchant
INSERT INTO merchant (id, external_ref, name, auto_payout, settlement_days, keep_fee_on_refund, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (external_ref) DO NOTHING
RETURNING id;

-- name: merchant
SELECT * FROM merchant WHERE id = $1;

-- name: lock_merchant
SELECT * FROM merchant WHERE id = $1 FOR UPDATE;

-- name: merchant_of_ref
SELECT * FROM merchant WHERE external_ref = $1;

-- name: merchant_of_key
-- It is asked every five seconds by each process that a key calls; that it was used is written once a minute.
WITH used AS (
    UPDATE api_key SET last_used_at = now()
    WHERE hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
        AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
)
SELECT merchant.*
FROM api_key
INNER JOIN merchant ON api_key.merchant = merchant.id
WHERE api_key.hash = $1 AND api_key.revoked_at IS NULL
    AND (api_key.expires_at IS NULL OR api_key.expires_at > now());

-- name: merchants_after
SELECT * FROM merchant WHERE id > $1 ORDER BY id LIMIT $2;

-- name: fee_rules
-- A plain rule is read in the form of an agreed one.
SELECT
    merchant, id, json_build_object(
        'kind', kind, 'rate_ppm', rate_ppm, 'fixed_fen', fixed_fen, 'min_fen', min_fen, 'max_fen', max_fen,
        'effective_from', effective_from
    )::text AS rule
FROM fee_rule WHERE merchant = any($1::text [])
UNION ALL
SELECT subject, id, rule FROM agreed_fee WHERE subject = any($1::text [])
ORDER BY merchant, id;

-- name: later_terms
SELECT * FROM merchant_terms WHERE merchant = any($1::text []) ORDER BY merchant, effective_from;

-- Replaces terms that have not begun yet; those in force are refused before.
-- name: put_terms
INSERT INTO merchant_terms (
    merchant, effective_from, settlement_days, auto_payout, keep_fee_on_refund, cycle, least_fen, reserve_ppm, reserve_days,
    when_short, advance_fen
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (merchant, effective_from) DO UPDATE SET
    settlement_days = excluded.settlement_days, auto_payout = excluded.auto_payout,
    keep_fee_on_refund = excluded.keep_fee_on_refund, cycle = excluded.cycle, least_fen = excluded.least_fen,
    reserve_ppm = excluded.reserve_ppm, reserve_days = excluded.reserve_days, when_short = excluded.when_short,
    advance_fen = excluded.advance_fen;

-- Replaces a cycle that has not begun yet; one in force is refused before.
-- name: put_cycle
INSERT INTO product_cycle (merchant, product, effective_from, cycle) VALUES ($1, $2, $3, $4)
ON CONFLICT (merchant, product, effective_from) DO UPDATE SET cycle = excluded.cycle;

-- name: set_state
WITH noted AS (
    INSERT INTO merchant_state (id, merchant, at, state, changed_by, reason) VALUES ($6, $1, $2, $3, $4, $5)
)
UPDATE merchant SET state = $3 WHERE id = $1;

-- name: state_since
SELECT max(at) FROM merchant_state WHERE merchant = $1;

-- Replaces a rule that has not begun yet; one in force is refused before.
-- name: put_fee_rule
INSERT INTO fee_rule (merchant, kind, rate_ppm, fixed_fen, min_fen, max_fen, effective_from)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (merchant, kind, effective_from) DO UPDATE
SET rate_ppm = excluded.rate_ppm, fixed_fen = excluded.fixed_fen,
    min_fen = excluded.min_fen, max_fen = excluded.max_fen;

-- name: current_account
SELECT id, merchant, token, tail, name_masked, bank, medium, fingerprint, bound_at, agreed_by
FROM settlement_account WHERE merchant = $1 AND replaced_at IS NULL;

-- name: replace_account
UPDATE settlement_account SET replaced_at = $2 WHERE merchant = $1 AND replaced_at IS NULL;

-- name: agree_account
UPDATE settlement_account SET agreed_by = $2, proposal = $3 WHERE id = $1;

-- name: insert_account
INSERT INTO settlement_account (
    id, merchant, token, tail, name_masked, bank, medium, fingerprint, bound_at
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: insert_key
INSERT INTO api_key (id, merchant, hash, tail, created_at) VALUES ($1, $2, $3, $4, $5);

-- name: lasts
UPDATE api_key SET expires_at = least(expires_at, now() + $3::interval)
WHERE merchant = $1 AND id = $2 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
RETURNING id;

-- name: keys
SELECT id, merchant, tail, created_at, revoked_at, expires_at, last_used_at FROM api_key WHERE merchant = $1 ORDER BY created_at, id;

-- name: revoke_key
UPDATE api_key SET revoked_at = coalesce(revoked_at, $3) WHERE merchant = $1 AND id = $2 RETURNING id;

-- name: awaited
SELECT EXISTS (
    SELECT FROM freeze_standing WHERE merchant = $1 AND ended_at IS NULL AND amount - given_up > held
)
