-- Cues as the reconciler has judged them: one row a cue, changed together with its CueChanged event on the ops stream.
CREATE TABLE cues (
  region      text        NOT NULL,
  id          text        NOT NULL,
  active      boolean     NOT NULL,
  since       timestamptz,            -- NULL: not active
  severity    text        NOT NULL,
  message     text,                   -- NULL: not active
  data        jsonb       NOT NULL,   -- what was behind it when it changed
  changed_at  timestamptz NOT NULL,
  PRIMARY KEY (region, id)
);

-- Effect: sets a cue and says so on the ops stream; nothing when it is in that state already. Result: the event's seq, 0 = nothing
-- changed, and its payload ({} then): the cue as GET /api/status shows it.
CREATE FUNCTION reconciler_cue(a_region text, a_id text, a_active boolean, a_since timestamptz, a_severity text, a_message text, a_data text,
  a_now timestamptz, OUT ops_seq bigint, OUT payload jsonb) LANGUAGE plpgsql AS $$
DECLARE
  cue cues;
BEGIN
  ops_seq := 0;
  payload := '{}';
  -- The row is locked first: of two reconcilers that both believe they lead, one changes it and one finds it changed.
  INSERT INTO cues (region, id, active, severity, data, changed_at) VALUES (a_region, a_id, false, a_severity, '{}', a_now) ON CONFLICT DO NOTHING;
  UPDATE cues SET active = a_active, since = CASE WHEN a_active THEN a_since END, severity = a_severity,
      message = CASE WHEN a_active THEN a_message END, data = a_data::jsonb, changed_at = a_now
    WHERE region = a_region AND id = a_id AND active <> a_active RETURNING * INTO cue;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  payload := jsonb_build_object('id', cue.id, 'active', cue.active, 'since', time_text(cue.since), 'severity', cue.severity,
    'message', cue.message, 'data', cue.data);
  ops_seq := ops_append(a_region, 10::smallint, NULL, payload, a_now, NULL);
END $$;

-- ---- what a trace shows of the time before the sequencer ----

-- How long the order was on its way from the gateway's receipt, and the span that its caller named as parent. NULL: not known, none.
ALTER TABLE orders ADD COLUMN gateway_us integer, ADD COLUMN parent_span bigint;

DROP FUNCTION sequencer_append( -- contract: the version before calls the one below, whose last two arguments have defaults
  text, bigint, bigint, timestamptz, text[], text[], text[], text[], smallint[], smallint[], integer[], bigint[], boolean[], bigint[], uuid[]);

-- As in 0002_sequencer, with gateway_us and parent_span (0: NULL).
CREATE FUNCTION sequencer_append(a_region text, a_epoch bigint, a_next bigint, a_at timestamptz,
  a_users text[], a_clients text[], a_keys text[], a_seeds text[], a_sides smallint[], a_tifs smallint[], a_quantities integer[],
  a_prices bigint[], a_generated boolean[], a_duplicates bigint[], a_traces uuid[], a_gateway_us integer[] DEFAULT NULL, a_parents bigint[] DEFAULT NULL)
RETURNS TABLE (entry integer, seq bigint, user_id text, client_id text, idempotency_key text, side smallint, quantity integer,
  price_cents bigint, time_in_force smallint, simulation_seed text, key_generated boolean, possible_duplicate_of bigint,
  trace_id uuid, created_at timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  n integer := cardinality(a_users);
  known integer[];
BEGIN
  PERFORM sequencer_move_head(a_region, a_epoch, a_next, n, n);
  BEGIN
    INSERT INTO orders (region, seq, kind, side, time_in_force, quantity, price_cents, possible_duplicate_of, created_at, trace_id,
                        key_generated, user_id, client_id, idempotency_key, simulation_seed, gateway_us, parent_span)
      SELECT a_region, a_next - 1 + e.i, 1, e.side, e.tif, e.quantity, e.price,
             CASE WHEN e.duplicate > 0 THEN e.duplicate WHEN e.duplicate < 0 THEN a_next - 1 - e.duplicate END,
             a_at, e.trace, e.generated, e.usr, e.client, e.key, e.seed,
             nullif(e.gateway_us, 0), nullif(e.parent, 0)
      FROM unnest(a_users, a_clients, a_keys, a_seeds, a_sides, a_tifs, a_quantities, a_prices, a_generated, a_duplicates, a_traces,
                  a_gateway_us, a_parents)
        WITH ORDINALITY AS e (usr, client, key, seed, side, tif, quantity, price, generated, duplicate, trace, gateway_us, parent, i);
    RETURN;
  EXCEPTION WHEN unique_violation THEN
    NULL; -- some of the pairs are stored
  END;

  SELECT array_agg(e.i ORDER BY e.i) INTO known
    FROM unnest(a_clients, a_keys) WITH ORDINALITY AS e (client, key, i)
    JOIN orders o ON o.region = a_region AND o.client_id = e.client AND o.idempotency_key = e.key;
  IF known IS NULL THEN
    RAISE EXCEPTION 'orders of %: seq % is taken already', a_region, a_next;
  END IF;
  PERFORM sequencer_move_head(a_region, a_epoch, a_next + n, -cardinality(known), -cardinality(known));
  INSERT INTO orders (region, seq, kind, side, time_in_force, quantity, price_cents, possible_duplicate_of, created_at, trace_id,
                      key_generated, user_id, client_id, idempotency_key, simulation_seed, gateway_us, parent_span)
    SELECT a_region, a_next - 1 + row_number() OVER (ORDER BY e.i), 1, e.side, e.tif, e.quantity, e.price,
           CASE WHEN e.duplicate > 0 THEN e.duplicate
                WHEN e.duplicate < 0 AND -e.duplicate <> ALL (known)
                THEN a_next - 1 - e.duplicate - (SELECT count(*) FROM unnest(known) k WHERE k < -e.duplicate) END,
           a_at, e.trace, e.generated, e.usr, e.client, e.key, e.seed,
             nullif(e.gateway_us, 0), nullif(e.parent, 0)
    FROM unnest(a_users, a_clients, a_keys, a_seeds, a_sides, a_tifs, a_quantities, a_prices, a_generated, a_duplicates, a_traces,
                  a_gateway_us, a_parents)
      WITH ORDINALITY AS e (usr, client, key, seed, side, tif, quantity, price, generated, duplicate, trace, gateway_us, parent, i)
    WHERE e.i <> ALL (known);
  RETURN QUERY
    SELECT e.i::integer - 1, o.seq, o.user_id, o.client_id, o.idempotency_key, o.side, o.quantity, o.price_cents, o.time_in_force,
           o.simulation_seed, o.key_generated, o.possible_duplicate_of, o.trace_id, o.created_at
    FROM unnest(a_clients, a_keys) WITH ORDINALITY AS e (client, key, i)
    JOIN orders o ON o.region = a_region AND o.client_id = e.client AND o.idempotency_key = e.key
    WHERE e.i = ANY (known) ORDER BY e.i;
END $$;

-- The span of the whole order, under the caller's.
CREATE FUNCTION root_span_text(o orders, a_start timestamptz, a_end timestamptz, a_attributes json) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT row_to_json(t)::text FROM (
      SELECT span_id(o.trace_id, o.seq, 'order') AS "spanId", lpad(to_hex(o.parent_span), 16, '0') AS "parentSpanId", 'gateway' AS actor,
             'order' AS name, time_text(a_start) AS "startedAt",
             CASE WHEN a_end < a_start THEN 0 ELSE round(extract(epoch FROM a_end - a_start) * 1000, 3) END AS "durationMs",
             a_attributes AS attributes) t);
END $$;

-- As in 0009_portfolio, from the gateway's receipt on.
CREATE OR REPLACE FUNCTION order_spans(o orders) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
  final   executions%ROWTYPE;
  entry   ledger%ROWTYPE;
  cancel  orders%ROWTYPE;
  failure balance_events%ROWTYPE;
  fills   record;
  spans   text[] := '{}';
  received_at timestamptz := o.created_at - coalesce(o.gateway_us, 0) * interval '1 microsecond';
BEGIN
  SELECT * INTO final FROM executions f WHERE f.region = o.region AND f.order_seq = o.seq AND f.leg = 0;
  SELECT * INTO cancel FROM orders c
   WHERE c.region = o.region AND c.client_id = '@cancel' AND c.idempotency_key = 'cancel:' || o.seq AND c.kind = 2;
  SELECT count(*) AS trades, coalesce(sum(e.quantity), 0) AS quantity, min(e.created_at) AS first_at INTO fills
    FROM executions e WHERE e.region = o.region AND e.order_seq = o.seq AND e.leg > 0;
  SELECT * INTO entry FROM ledger l
   WHERE l.region = o.region AND l.order_seq = o.seq AND l.owner = o.user_id AND l.account = o.user_id AND l.reason = 2;
  spans := spans || root_span_text(o, received_at,
    CASE WHEN final.type = 2 THEN entry.created_at ELSE final.created_at END,
    json_build_object('orderId', id_text(o.region, o.seq), 'userId', o.user_id, 'clientId', o.client_id, 'status', status_text(final.type)));
  IF o.gateway_us IS NOT NULL THEN -- checking, gathering, the way to the sequencer, waiting there
    spans := spans || span_text(o.trace_id, o.seq, 'order', 'gateway', 'receive', received_at, o.created_at, json_build_object());
  END IF;
  spans := spans || span_text(o.trace_id, o.seq, 'order', 'sequencer', 'append', o.created_at, o.created_at,
    json_build_object('seq', o.seq, 'side', side_text(o.side), 'quantity', o.quantity, 'price', money_text(o.price_cents)));
  IF cancel.seq IS NOT NULL THEN
    spans := spans || span_text(o.trace_id, o.seq, 'order', 'sequencer', 'cancel', cancel.created_at, cancel.created_at,
      json_build_object('seq', cancel.seq));
  END IF;
  spans := spans || span_text(o.trace_id, o.seq, 'order', 'simfill', 'fill', o.created_at, final.created_at,
    json_build_object('outcome', status_text(final.type), 'trades', fills.trades, 'filledQuantity', fills.quantity,
      'firstTradeAt', time_text(fills.first_at), 'az', final.az));
  IF final.type = 2 THEN -- the adjustment was put into the outbox in the transaction of the final record
    spans := spans || span_text(o.trace_id, o.seq, 'order', 'outbox', 'wait', final.created_at, entry.created_at, json_build_object());
  END IF;
  FOR failure IN SELECT * FROM balance_events v WHERE v.region = o.region AND v.order_seq = o.seq ORDER BY v.seq LIMIT 100 LOOP
    spans := spans || span_text(o.trace_id, o.seq, 'wait', 'balance', event_name('balances', failure.type) || ' ' || failure.seq,
      failure.created_at, failure.created_at, json_build_object('attempts', failure.attempts, 'error', failure.error));
  END LOOP;
  IF entry.seq IS NOT NULL THEN
    spans := spans || span_text(o.trace_id, o.seq, 'wait', 'balance', 'settle', entry.created_at, entry.created_at,
      json_build_object('entryId', id_text(entry.region, entry.seq), 'delta', money_text(entry.delta_cents),
        'resultingBalance', money_text(entry.resulting_cents)));
  END IF;
  RETURN spans;
END $$;

-- ---- reads before the first ANALYZE ----
-- Without statistics the planner takes an index for good that is not: the looked-up keys come first, one by one, in what follows.

-- As in 0007_api.
CREATE OR REPLACE FUNCTION ledger_items(a_region text, a_account text, a_seqs bigint[]) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT coalesce(string_agg(ledger_entry_text(l.entry), ',' ORDER BY l.seq DESC), '')
      FROM unnest(a_seqs) AS s (seq) CROSS JOIN LATERAL
           (SELECT e AS entry, e.seq FROM ledger e WHERE e.region = a_region AND e.account = a_account AND e.seq = s.seq OFFSET 0) AS l);
END $$;

-- As in 0007_api.
CREATE OR REPLACE FUNCTION pending_cents(a_region text, a_user text) RETURNS numeric LANGUAGE plpgsql STABLE AS $$
DECLARE
  filled_to  bigint := cursor_position(a_region, 'simfill', 'orders');
  settled_to bigint := cursor_position(a_region, 'balance', 'outbox');
  total      numeric;
BEGIN
  SELECT coalesce(sum(pending.cents), 0) INTO total FROM (
    SELECT CASE o.side WHEN 1 THEN -1 ELSE 1 END * o.quantity::numeric * o.price_cents AS cents
      FROM orders o
     WHERE o.region = a_region AND o.user_id = a_user AND o.seq > filled_to AND o.kind = 1
       AND NOT EXISTS (SELECT FROM executions f WHERE f.region = a_region AND f.order_seq = o.seq AND f.leg = 0)
    UNION ALL
    SELECT CASE o.side WHEN 1 THEN -1 ELSE 1 END * o.quantity::numeric * o.price_cents
      FROM parked_orders p CROSS JOIN LATERAL
           (SELECT * FROM orders q WHERE q.region = p.region AND q.seq = p.order_seq OFFSET 0) o
     WHERE p.region = a_region AND p.order_seq <= filled_to AND o.user_id = a_user
       AND NOT EXISTS (SELECT FROM executions f WHERE f.region = a_region AND f.order_seq = o.seq AND f.leg = 0)
    UNION ALL
    SELECT x.delta_cents FROM outbox x WHERE x.region = a_region AND x.seq > settled_to AND x.user_id = a_user
    UNION ALL
    SELECT x.delta_cents
      FROM dead_letters d CROSS JOIN LATERAL
           (SELECT * FROM outbox y WHERE y.region = d.region AND y.seq = d.outbox_seq OFFSET 0) x
     WHERE d.region = a_region AND d.state IN (1, 2) AND d.outbox_seq <= settled_to AND x.user_id = a_user) pending;
  RETURN total;
END $$;

-- As in 0007_api.
CREATE OR REPLACE FUNCTION api_trades(a_region text, a_user text, a_order bigint, a_before bigint, a_limit integer, OUT status integer, OUT body text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  bound bigint;
  seqs  bigint[];
BEGIN
  IF a_order IS NOT NULL THEN
    seqs := ARRAY(SELECT e.seq FROM (SELECT seq, user_id FROM executions
                                      WHERE region = a_region AND order_seq = a_order AND leg > 0 OFFSET 0) e -- by its index, then sorted
                   WHERE e.seq < a_before AND (a_user IS NULL OR e.user_id = a_user)
                   ORDER BY e.seq DESC LIMIT a_limit + 1);
  ELSIF a_user IS NOT NULL THEN
    seqs := ARRAY(SELECT seq FROM executions
                   WHERE region = a_region AND (user_id, seq) < (a_user, a_before) AND user_id >= a_user AND type = 1
                   ORDER BY user_id DESC, seq DESC LIMIT a_limit + 1);
  ELSE
    bound := least(a_before, coalesce(last_seq(a_region, 'executions'), 0) + 1) - scan_budget();
    -- In the order of the stream first: without statistics the planner takes the index of all users' trades, and sorts it.
    seqs := ARRAY(SELECT seq FROM (SELECT seq, type FROM executions WHERE region = a_region AND seq < a_before AND seq >= bound
                                    ORDER BY seq DESC OFFSET 0) e
                   WHERE type = 1 ORDER BY seq DESC LIMIT a_limit + 1);
  END IF;
  status := 200;
  SELECT list_text(string_agg(trade_text(e), ',' ORDER BY e.seq DESC),
                   coalesce(next_cursor('t1', seqs, a_limit), CASE WHEN bound > 1 THEN cursor_text('t1', bound::text) END))
    INTO body FROM executions e WHERE e.region = a_region AND e.seq = ANY (seqs[:a_limit]);
END $$;

-- ---- a compensated trade gives back the tulips, too ----
-- A COMPENSATION entry with side and quantity is the opposite of the trade it undoes (a purchase of 10 is compensated by side SELL, quantity
-- 10, the cash back): it moves the position as a fill of that side would. One without a quantity moves cash alone.

-- As in 0004_balance.
CREATE OR REPLACE FUNCTION balance_move(a_region text, a_seq bigint, a_account text, a_delta bigint, a_reason smallint, a_order_seq bigint, a_side smallint,
                             a_quantity integer, a_price bigint, a_trace uuid, a_now timestamptz, OUT resulting bigint, OUT new_version bigint)
LANGUAGE plpgsql AS $$
DECLARE
  leg_account  text;
  leg_delta    bigint;
  leg_cents    bigint;
  leg_version  bigint;
BEGIN
  FOREACH leg_account IN ARRAY ARRAY['@market', a_account] LOOP -- the persona's leg last: its figures are the result
    leg_delta := CASE WHEN leg_account = '@market' THEN -a_delta ELSE a_delta END;
    INSERT INTO balances AS k (region, account, balance_cents, version, last_order_seq, updated_at)
      VALUES (a_region, leg_account, leg_delta, 1, nullif(a_order_seq, 0), a_now)
      ON CONFLICT (region, account) DO UPDATE SET balance_cents = k.balance_cents + excluded.balance_cents, version = k.version + 1,
        last_order_seq = coalesce(excluded.last_order_seq, k.last_order_seq), updated_at = excluded.updated_at
      RETURNING k.balance_cents, k.version INTO leg_cents, leg_version;
    INSERT INTO ledger (region, seq, order_seq, delta_cents, resulting_cents, price_cents, version, created_at, quantity, reason, side,
                        account, owner, trace_id)
      VALUES (a_region, a_seq, a_order_seq, leg_delta, leg_cents, a_price, leg_version, a_now, a_quantity, a_reason, a_side,
              leg_account, a_account, a_trace);
  END LOOP;
  IF a_reason IN (2, 3) AND a_quantity > 0 THEN
    INSERT INTO positions (region, account, quantity, cost_cents, updated_at)
      SELECT a_region, a_account, h.after[1], h.after[2], a_now
        FROM (SELECT position_take(NULL, k.quantity, k.cost_cents, a_side, a_quantity, a_delta) AS after
                FROM (SELECT) one LEFT JOIN positions k ON k.region = a_region AND k.account = a_account) h
      ON CONFLICT (region, account) DO UPDATE SET quantity = excluded.quantity, cost_cents = excluded.cost_cents,
        updated_at = excluded.updated_at;
  END IF;
  resulting := leg_cents;
  new_version := leg_version;
END $$;

-- As in 0004_balance.
CREATE OR REPLACE FUNCTION balance_rebuild(a_region text, a_epoch bigint, a_next_seq bigint, a_account text, a_actor text, a_now timestamptz)
RETURNS TABLE (r_before bigint, r_after bigint) LANGUAGE plpgsql AS $$
DECLARE
  entries  bigint;
BEGIN
  PERFORM balance_fence(a_region, a_epoch, a_next_seq, 0);
  SELECT balance_cents INTO r_before FROM balances WHERE region = a_region AND account = a_account;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  SELECT coalesce(sum(delta_cents), 0)::bigint, count(*) INTO r_after, entries FROM ledger WHERE region = a_region AND account = a_account;
  UPDATE balances SET balance_cents = r_after, version = entries, updated_at = a_now
    WHERE region = a_region AND account = a_account AND (balance_cents, version) IS DISTINCT FROM (r_after, entries);
  INSERT INTO positions AS p (region, account, quantity, cost_cents, updated_at)
    SELECT a_region, a_account, h.after[1], h.after[2], a_now
      FROM (SELECT position_after(0, 0, l.side, l.quantity, l.delta_cents ORDER BY l.seq) AS after FROM ledger l
             WHERE l.region = a_region AND l.account = a_account AND l.account <> '@market' AND l.reason IN (2, 3) AND l.quantity > 0) h
     WHERE h.after IS NOT NULL
    ON CONFLICT (region, account) DO UPDATE SET quantity = excluded.quantity, cost_cents = excluded.cost_cents,
      updated_at = excluded.updated_at WHERE (p.quantity, p.cost_cents) IS DISTINCT FROM (excluded.quantity, excluded.cost_cents);
  INSERT INTO admin_actions (region, action, target, actor, detail, done_at)
    VALUES (a_region, 'rebuild', a_account, a_actor, jsonb_build_object('beforeCents', r_before, 'afterCents', r_after), a_now);
  RETURN NEXT;
END $$;

-- As in 0006_reconciler.
CREATE OR REPLACE FUNCTION audit_balances(a_region text) RETURNS SETOF jsonb LANGUAGE sql STABLE AS $$
  WITH running AS (
    SELECT account, seq, resulting_cents, version,
      sum(delta_cents) OVER entries AS sum_cents, row_number() OVER entries AS entry_number
    FROM ledger WHERE region = a_region WINDOW entries AS (PARTITION BY account ORDER BY seq)
  ), totals AS (
    SELECT account, sum(delta_cents) AS sum_cents, count(*) AS entries FROM ledger WHERE region = a_region GROUP BY account
  )
  SELECT jsonb_build_object('account', coalesce(b.account, t.account), 'problem', 'balance is not the sum of its ledger entries',
    'balanceCents', b.balance_cents, 'sumCents', t.sum_cents, 'version', b.version, 'entries', t.entries)
  FROM (SELECT * FROM balances WHERE region = a_region) b FULL JOIN totals t USING (account)
  WHERE coalesce(b.balance_cents, 0) <> coalesce(t.sum_cents, 0) OR coalesce(b.version, 0) <> coalesce(t.entries, 0)
    OR b.account IS NULL
  UNION ALL
  SELECT jsonb_build_object('account', account, 'balancesSeq', seq, 'problem', 'entry''s resulting balance or version is not that of the entries up to it',
    'resultingCents', resulting_cents, 'sumCents', sum_cents, 'version', version, 'entries', entry_number)
  FROM running WHERE resulting_cents <> sum_cents OR version <> entry_number
  UNION ALL
  SELECT jsonb_build_object('account', account, 'problem', 'position is not what its ledger entries come to', 'quantity', p.quantity,
    'costCents', p.cost_cents, 'ledgerQuantity', f.after[1], 'ledgerCostCents', f.after[2])
  FROM (SELECT * FROM positions WHERE region = a_region) p
    FULL JOIN (SELECT account, position_after(0, 0, side, quantity, delta_cents ORDER BY seq) AS after FROM ledger
               WHERE region = a_region AND (reason = 2 OR reason = 3 AND quantity > 0) AND account <> '@market' GROUP BY account) f USING (account)
  WHERE coalesce(p.quantity, 0) <> coalesce(f.after[1], 0) OR coalesce(p.cost_cents, 0) <> coalesce(f.after[2], 0)
    OR p.account IS NULL
$$;

-- Plans as in 0008_api_events: by index, and planned once.
DO $$
DECLARE
  entry regprocedure;
BEGIN
  FOR entry IN SELECT p.oid FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace AND p.proname LIKE 'api\_%' LOOP
    EXECUTE format('ALTER FUNCTION %s SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off '
                   'SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off SET jit = off', entry);
  END LOOP;
END $$;
