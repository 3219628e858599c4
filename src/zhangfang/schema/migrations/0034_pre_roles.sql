-- The role by which the platform works: no superuser, no owner of any table. What is evidence it adds and reads, and can
-- neither change nor take away; operators it only reads. On a server of your own make the role yourself, with a password,
-- if the owner of the database may not make roles.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'zhangfang_platform') THEN
        CREATE ROLE zhangfang_platform LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL; -- another database of this server was migrated at the same time
    WHEN insufficient_privilege THEN
        RAISE insufficient_privilege
        USING MESSAGE = 'make the platform''s role first: CREATE ROLE zhangfang_platform LOGIN PASSWORD ...';
END
$$;

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO zhangfang_platform;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO zhangfang_platform;
-- What later migrations make is open to the platform too; one that makes a table of evidence takes that back.
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO zhangfang_platform;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO zhangfang_platform;

-- Evidence: rows are only added.
REVOKE UPDATE, DELETE ON
operator_act, proposal, step, mandate_step, channel_batch_step, duplicate_step, masked_voucher, transfer, refusal, statement,
audit_result, file_line, bank_line, schema_migration
FROM zhangfang_platform;
-- A line of a file or of a statement keeps what the channel or the bank said; what it was matched with is ours.
GRANT UPDATE (status, intent) ON file_line TO zhangfang_platform;
GRANT UPDATE (template, intent, posted_at) ON bank_line TO zhangfang_platform;
-- A released table keeps its rows.
REVOKE UPDATE, DELETE ON table_release FROM zhangfang_platform;
GRANT UPDATE (
    state, share, replayed_at, replayed_on, replay, live_by, live_at, follows, ended_by, ended_at, ended_reason
) ON table_release TO zhangfang_platform;
-- Persons are made by the database's owner.
REVOKE INSERT, UPDATE, DELETE ON operator, act_head, schema_migration FROM zhangfang_platform;

-- A month's table is made by its owner on behalf of the ledger's writer. Sealing it needs the owner's own address.
CREATE OR REPLACE FUNCTION ledger_open_month(moment timestamptz) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    first timestamptz := date_trunc('month', moment, 'UTC');
    name text := 'transfer_' || to_char(first AT TIME ZONE 'UTC', 'YYYY_MM');
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ledger_open_month'));
    IF to_regclass(name) IS NULL THEN
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF transfer FOR VALUES FROM (%L) TO (%L)',
            name, ledger_first_id(first),
            ledger_first_id(date_trunc('month', first + interval '35 days', 'UTC')));
        EXECUTE format('REVOKE ALL ON %I FROM zhangfang_platform', name);
        EXECUTE format('GRANT SELECT ON %I TO zhangfang_platform', name);
    END IF;
END
$$;

REVOKE ALL ON FUNCTION ledger_open_month(timestamptz) FROM public;
GRANT EXECUTE ON FUNCTION ledger_open_month(timestamptz) TO zhangfang_platform;

-- Months from before: their tables are reached through the whole alone.
DO $$
DECLARE
    one regclass;
BEGIN
    FOR one IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'transfer'::regclass LOOP
        EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON %s FROM zhangfang_platform', one);
    END LOOP;
END
$$;
