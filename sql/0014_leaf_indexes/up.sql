-- Every index of the stream tables began with the region, which is the same in all of a leaf's rows: a text to be compared at each step down
-- the tree and in the way of every fixed offset behind it. A leaf is one region's, so its own indexes leave it out: 14 % fewer
-- instructions per order over sequencer, simfill and balance together. What is unique stays unique: a row's region decides its leaf.

-- Effect: gives a region's leaves their indexes and says how rarely they are to be vacuumed: rows are only ever added, and plans do not go by
-- statistics (roles.sql), so with the defaults vacuum and analyze took up to a tenth of the machine under load and gained nothing. Where it is done
-- already nothing is so much as locked: this runs at every start and upgrade, beside writers.
CREATE FUNCTION region_finish_leaves(a_region text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  made record;
  base text;
BEGIN
  FOR made IN SELECT * FROM (VALUES
      ('orders',     'seq',      'UNIQUE', '(seq)'),
      ('orders',     'key',      'UNIQUE', '(client_id, idempotency_key)'),
      ('orders',     'user',     '',       '(user_id, seq)'),
      ('orders',     'trace',    '',       '(trace_id) WHERE kind = 1'),
      ('executions', 'seq',      'UNIQUE', '(seq)'),
      ('executions', 'leg',      'UNIQUE', '(order_seq, leg)'),                    -- one final record, and each trade once
      ('executions', 'trades',   '',       '(user_id, seq) WHERE type = 1'),
      ('executions', 'unfilled', '',       '(type, order_seq) WHERE type IN (3, 4)'),
      ('outbox',     'seq',      'UNIQUE', '(seq)'),
      ('ledger',     'account',  'UNIQUE', '(account, seq)'),
      ('ledger',     'once',     'UNIQUE', '(order_seq, owner, account, reason)'), -- exactly once (rule 4)
      ('ledger',     'seq',      '',       '(seq)')) AS v (base, name, kind, definition)
  LOOP
    CONTINUE WHEN EXISTS (SELECT FROM pg_class WHERE relname = 'ix_' || made.name || '_' || leaf_name(made.base, a_region));
    EXECUTE format('CREATE %s INDEX %I ON %I %s', made.kind, 'ix_' || made.name || '_' || leaf_name(made.base, a_region),
                   leaf_name(made.base, a_region), made.definition);
  END LOOP;
  FOREACH base IN ARRAY ARRAY['orders', 'executions', 'outbox', 'ledger'] LOOP
    CONTINUE WHEN EXISTS (SELECT FROM pg_class WHERE oid = leaf_name(base, a_region)::regclass AND reloptions IS NOT NULL);
    EXECUTE format('ALTER TABLE %I SET (autovacuum_vacuum_insert_threshold = 1000000, autovacuum_vacuum_insert_scale_factor = 0.5, '
                   'autovacuum_analyze_threshold = 10000, autovacuum_analyze_scale_factor = 0.5)', leaf_name(base, a_region));
  END LOOP;
END $$;

-- As in 0001_streams, with the leaves' own indexes.
CREATE OR REPLACE FUNCTION region_create(a_region text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  base text;
BEGIN
  IF a_region !~ '^[a-z0-9]([a-z0-9-]{0,14}[a-z0-9])?$' THEN
    RAISE EXCEPTION 'region % is not 1 to 16 of a-z, 0-9 and -', a_region;
  END IF;
  FOREACH base IN ARRAY ARRAY['orders', 'executions', 'outbox', 'ledger'] LOOP
    EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF %I FOR VALUES IN (%L)', leaf_name(base, a_region), base, a_region);
  END LOOP;
  PERFORM region_finish_leaves(a_region);
  INSERT INTO stream_heads (region, stream)
    SELECT a_region, s FROM unnest(ARRAY['orders', 'executions', 'balances', 'ops', 'outbox']) s ON CONFLICT DO NOTHING;
  INSERT INTO cursors (region, consumer, stream)
    VALUES (a_region, 'simfill', 'orders'), (a_region, 'balance', 'outbox'), (a_region, 'balance', 'ops') ON CONFLICT DO NOTHING;
END $$;

-- All at once and in the order in which writers take them, or a batch that is under way and this could wait for each other. An upgrade's writers
-- wait here until the indexes are made: some seconds for each million orders.
LOCK TABLE orders, executions, outbox, ledger IN ACCESS EXCLUSIVE MODE;

DO $$
DECLARE
  known text;
BEGIN
  FOR known IN SELECT DISTINCT region FROM stream_heads LOOP
    PERFORM region_finish_leaves(known);
  END LOOP;
END $$;

ALTER TABLE orders DROP CONSTRAINT orders_pkey;                                   -- contract: nothing names it, and ix_seq_… does the same
ALTER TABLE orders DROP CONSTRAINT orders_region_client_id_idempotency_key_key;   -- contract: likewise, ix_key_…
ALTER TABLE executions DROP CONSTRAINT executions_pkey;                           -- contract: likewise, ix_seq_…
ALTER TABLE executions DROP CONSTRAINT executions_region_order_seq_leg_key;       -- contract: likewise, ix_leg_…
ALTER TABLE outbox DROP CONSTRAINT outbox_pkey;                                   -- contract: likewise, ix_seq_…
ALTER TABLE ledger DROP CONSTRAINT ledger_pkey;                                   -- contract: likewise, ix_account_…
ALTER TABLE ledger DROP CONSTRAINT ledger_region_order_seq_owner_account_reason_key; -- contract: likewise, ix_once_…
DROP INDEX orders_by_user;            -- contract: likewise, ix_user_…
DROP INDEX orders_by_trace;           -- contract: likewise, ix_trace_…
DROP INDEX executions_trades_by_user; -- contract: likewise, ix_trades_…
DROP INDEX executions_unfilled;       -- contract: likewise, ix_unfilled_…
DROP INDEX ledger_by_seq;             -- contract: likewise, ix_seq_…
