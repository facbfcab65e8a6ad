-- What each role may do: least rights. Idempotent; run by "tulip migrate" after the migrations, as tb_owner. In one transaction, so a running
-- actor never sees a moment without its rights. sql/README.md says why each has what it has; tests/system/launch.sh checks the limits.
-- Functions run with the rights of their caller (SECURITY INVOKER), so rights on tables are all there is. Rights on a parent table cover its
-- partitions as long as they are reached through it. A role that inserts into a table with an identity column needs no right on its sequence.

DO $$
DECLARE
  a_role text;
BEGIN
  -- Start from nothing, so that a right taken out of this file is gone from the database too.
  FOREACH a_role IN ARRAY ARRAY['tb_gateway', 'tb_sequencer', 'tb_simfill', 'tb_balance', 'tb_persona', 'tb_reconciler', 'tb_audit'] LOOP
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA public FROM %I', a_role);
  END LOOP;
END $$;

-- gateway: reads for the API, writes nothing. audit: reads everything, writes nothing.
GRANT SELECT ON ALL TABLES IN SCHEMA public TO tb_gateway, tb_audit;

-- sequencer: the orders stream.
GRANT SELECT ON orders, executions, parked_orders, stream_heads, cursors TO tb_sequencer;
GRANT INSERT ON orders TO tb_sequencer;
GRANT UPDATE (epoch, next_seq, total) ON stream_heads TO tb_sequencer;

-- simfill: the executions stream, the outbox, its cursor and what it has parked.
GRANT SELECT ON orders, executions, outbox, parked_orders, stream_heads, cursors TO tb_simfill;
GRANT INSERT ON executions, outbox, parked_orders, candles TO tb_simfill;
GRANT SELECT, UPDATE ON candles TO tb_simfill;
GRANT DELETE ON parked_orders TO tb_simfill;
GRANT UPDATE (epoch, next_seq, total) ON stream_heads TO tb_simfill;
GRANT UPDATE (position) ON cursors TO tb_simfill;

-- balance: the ledger, balances, dead letters, its cursors, and a note of what an operator had it do.
GRANT SELECT ON outbox, ops_events, ledger, balances, positions, balance_events, dead_letters, stream_heads, cursors TO tb_balance;
GRANT INSERT ON ledger, balances, positions, balance_events, dead_letters, admin_actions TO tb_balance;
GRANT UPDATE ON balances, positions, dead_letters TO tb_balance;
GRANT UPDATE (epoch, next_seq, total) ON stream_heads TO tb_balance;
GRANT UPDATE (position) ON cursors TO tb_balance;

-- persona: the registry and its events on the ops stream.
GRANT SELECT ON personas, ops_events, stream_heads TO tb_persona;
GRANT INSERT ON personas, ops_events TO tb_persona;
GRANT UPDATE ON personas TO tb_persona;
GRANT UPDATE (epoch, next_seq, total) ON stream_heads TO tb_persona;

-- reconciler: reads everything; writes findings, alarms, cues, faults, its cursors, their events on the ops stream, and notes of what it did.
GRANT SELECT ON ALL TABLES IN SCHEMA public TO tb_reconciler;
GRANT INSERT ON findings, alarms, cues, faults, ops_events, admin_actions, cursors TO tb_reconciler;
GRANT UPDATE ON alarms, cues TO tb_reconciler;
GRANT UPDATE (ended_at) ON faults TO tb_reconciler;
GRANT UPDATE (position) ON cursors TO tb_reconciler;
GRANT UPDATE (epoch, next_seq, total) ON stream_heads TO tb_reconciler;
