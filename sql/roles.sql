-- The database roles: one per actor, and tb_owner, who owns the schema. Idempotent; run by "tulip migrate" before the migrations, as a user
-- who may create roles, or as anybody once they are there. What each may do is in grants.sql.
-- Roles have no password here: the private cluster goes by the kernel's word (peer). Elsewhere "tulip migrate" gives them those that lie in the
-- directory TB_DATABASE_PASSWORD_FILE (docs/SECURITY.md), or the administrator sets passwords or certificates.

DO $$
DECLARE
  a_role text;
BEGIN
  FOREACH a_role IN ARRAY ARRAY['tb_owner', 'tb_gateway', 'tb_sequencer', 'tb_simfill', 'tb_balance', 'tb_persona', 'tb_reconciler', 'tb_audit'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = a_role) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION', a_role);
      EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL;  -- someone else, migrating another database of this cluster, was faster
      END;
    END IF;
  END LOOP;
  IF NOT pg_has_role(current_user, 'tb_owner', 'MEMBER') THEN
    EXECUTE format('GRANT tb_owner TO %I', current_user);
  END IF;
  IF NOT has_schema_privilege('tb_owner', 'public', 'CREATE') THEN
    GRANT CREATE, USAGE ON SCHEMA public TO tb_owner;
  END IF;
  FOREACH a_role IN ARRAY ARRAY['tb_gateway', 'tb_sequencer', 'tb_simfill', 'tb_balance', 'tb_persona', 'tb_reconciler', 'tb_audit'] LOOP
    IF NOT has_schema_privilege(a_role, 'public', 'USAGE') THEN
      EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', a_role);
    END IF;
  END LOOP;
END $$;

-- How each role's sessions are set up. Written only where it differs, for ALTER ROLE takes a lock that all databases of a cluster share.
DO $$
DECLARE
  -- Statements are prepared while the tables are empty, and such a plan (a sequential scan, a hash join) is kept when they have grown: on these
  -- roles only plans by index are to be had. Measured: +60 % orders/s at batches of 64.
  pinned text[] := ARRAY['enable_seqscan=off', 'enable_hashjoin=off', 'enable_mergejoin=off', 'enable_material=off'];
  settings jsonb := jsonb_build_object(
    'tb_sequencer',  to_jsonb(pinned || ARRAY['idle_in_transaction_session_timeout=10s']),
    'tb_simfill',    to_jsonb(pinned || ARRAY['idle_in_transaction_session_timeout=10s']),
    'tb_balance',    to_jsonb(pinned || ARRAY['idle_in_transaction_session_timeout=10s']),
    'tb_persona',    to_jsonb(pinned || ARRAY['idle_in_transaction_session_timeout=10s']),
    'tb_gateway',    to_jsonb(ARRAY['enable_seqscan=off', 'enable_hashjoin=off', 'enable_mergejoin=off', 'enable_material=off',
                                    'default_transaction_read_only=on', 'statement_timeout=10s', 'idle_in_transaction_session_timeout=10s']),
    'tb_reconciler', to_jsonb(ARRAY['idle_in_transaction_session_timeout=60s']),
    'tb_audit',      to_jsonb(ARRAY['default_transaction_read_only=on', 'idle_in_transaction_session_timeout=10min', 'work_mem=64MB']));
  a_role text;
  setting text;
BEGIN
  FOR a_role, setting IN SELECT key, jsonb_array_elements_text(value) FROM jsonb_each(settings) LOOP
    IF NOT EXISTS (SELECT FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole
                   WHERE r.rolname = a_role AND s.setdatabase = 0 AND setting = ANY (s.setconfig)) THEN
      EXECUTE format('ALTER ROLE %I SET %I = %L', a_role, split_part(setting, '=', 1), split_part(setting, '=', 2));
    END IF;
  END LOOP;
END $$;
