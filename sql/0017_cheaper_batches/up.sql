-- Counted in instructions of the database, sequencer, simfill and balance came to 348,000 an order in batches of 140. Cheaper here: the fold of
-- positions (a function with an array for its state, sorted once more), the windows of balances, an index of @market's entries that nobody
-- needs, a key whose first column is the same in most rows, and candles that were summed up in SQL (docs/decisions/0024).

-- ---- indexes ----

-- As in 0014_leaf_indexes. A pair is looked up as a whole; its key is what tells it from others, so that comes first. The entries of '@market' are
-- every other row of the ledger: found by seq.
CREATE OR REPLACE FUNCTION region_finish_leaves(a_region text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  made record;
  base text;
BEGIN
  FOR made IN SELECT * FROM (VALUES
      ('orders',     'seq',      'UNIQUE', '(seq)'),
      ('orders',     'pair',     'UNIQUE', '(idempotency_key, client_id)'),                  -- once for each (client, key) (rule 1)
      ('orders',     'user',     '',       '(user_id, seq)'),
      ('orders',     'trace',    '',       '(trace_id) WHERE kind = 1'),
      ('executions', 'seq',      'UNIQUE', '(seq)'),
      ('executions', 'leg',      'UNIQUE', '(order_seq, leg)'),                    -- one final record, and each trade once
      ('executions', 'trades',   '',       '(user_id, seq) WHERE type = 1'),
      ('executions', 'unfilled', '',       '(type, order_seq) WHERE type IN (3, 4)'),
      ('outbox',     'seq',      'UNIQUE', '(seq)'),
      ('ledger',     'persona',  'UNIQUE', '(account, seq) WHERE account <> ''@market'''),
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

-- All at once and in the order in which writers take them. The indexes are there (before.sql), so this takes a moment.
LOCK TABLE orders, executions, outbox, ledger IN ACCESS EXCLUSIVE MODE;

DO $$
DECLARE
  known text;
BEGIN
  FOR known IN SELECT DISTINCT region FROM stream_heads LOOP
    PERFORM region_finish_leaves(known);
    EXECUTE format('DROP INDEX IF EXISTS %I', 'ix_key_' || leaf_name('orders', known));     -- contract: nothing names it, ix_pair_… does the same
    EXECUTE format('DROP INDEX IF EXISTS %I', 'ix_account_' || leaf_name('ledger', known)); -- contract: likewise, ix_persona_… and ix_seq_…
  END LOOP;
END $$;

-- ---- reading an account's entries ----

-- The newest entry of an account below a_before, of an order if a_of_order; all NULL when there is none. Here and below: for '@market' down the
-- stream, which it has a leg of in every other row; for a persona as a range of (account, seq), because of two indexes that give the order asked for
-- the planner would else take that of all accounts.
CREATE FUNCTION ledger_before(a_region text, a_account text, a_before bigint, a_of_order boolean DEFAULT false) RETURNS ledger
LANGUAGE plpgsql STABLE STRICT AS $$
DECLARE
  entry ledger%ROWTYPE;
BEGIN
  IF a_account = '@market' THEN
    SELECT * INTO entry FROM (SELECT * FROM ledger WHERE region = a_region AND seq < a_before ORDER BY seq DESC OFFSET 0) l
     WHERE l.account = '@market' AND (l.order_seq > 0 OR NOT a_of_order) LIMIT 1;
  ELSE
    SELECT * INTO entry FROM ledger WHERE region = a_region AND account <> '@market' AND (account, seq) < (a_account, a_before)
       AND account >= a_account AND (order_seq > 0 OR NOT a_of_order) ORDER BY account DESC, seq DESC LIMIT 1;
  END IF;
  RETURN entry;
END $$;

-- As in 0007_api.
CREATE OR REPLACE FUNCTION ledger_page(a_region text, a_account text, a_before bigint, a_count integer) RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF a_account = '@market' THEN
    RETURN (
      SELECT ARRAY(SELECT l.seq FROM (SELECT seq, account FROM ledger WHERE region = a_region AND seq < a_before ORDER BY seq DESC OFFSET 0) l
                    WHERE l.account = '@market' LIMIT a_count));
  END IF;
  RETURN (
    SELECT ARRAY(SELECT seq FROM ledger WHERE region = a_region AND account <> '@market' AND (account, seq) < (a_account, a_before)
                    AND account >= a_account ORDER BY account DESC, seq DESC LIMIT a_count));
END $$;

-- As in 0007_api.
CREATE OR REPLACE FUNCTION balance_text(a_region text, a_account text, a_until bigint) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
  b      balances%ROWTYPE;
  entry  ledger%ROWTYPE;
  answer text;
BEGIN
  IF a_until IS NULL THEN
    SELECT * INTO b FROM balances WHERE region = a_region AND account = a_account;
  ELSE
    entry := ledger_before(a_region, a_account, a_until + 1);
    b.balance_cents := entry.resulting_cents;
    b.version := entry.version;
    b.updated_at := entry.created_at;
    b.last_order_seq := (ledger_before(a_region, a_account, a_until + 1, true)).order_seq;
  END IF;
  SELECT row_to_json(t)::text INTO answer FROM (
    SELECT a_account AS "userId", money_text(coalesce(b.balance_cents, 0)) AS "currentBalance", 'fl' AS currency,
           time_text(b.updated_at) AS "updatedAt", id_text(a_region, b.last_order_seq) AS "lastOrderId",
           coalesce(b.version, 0) AS version,
           CASE WHEN a_until IS NULL THEN money_text(pending_cents(a_region, a_account)) END AS "pendingDelta") t;
  RETURN answer;
END $$;

-- As in 0011_operations.
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
  SELECT coalesce(sum(l.delta_cents), 0)::bigint, count(*) INTO r_after, entries FROM (
    SELECT delta_cents FROM ledger WHERE region = a_region AND account = a_account AND account <> '@market'
    UNION ALL
    SELECT delta_cents FROM ledger WHERE a_account = '@market' AND region = a_region AND account = '@market') l;
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

-- As in 0016_bounded_probe.
CREATE OR REPLACE FUNCTION reconciler_probe(a_region text, a_now timestamptz, a_after text, a_limit integer, OUT dead bigint, OUT retrying bigint,
  OUT orders_total bigint, OUT orders_open bigint, OUT outbox_waiting bigint, OUT outbox_oldest_ms bigint, OUT order_oldest_ms bigint,
  OUT last_account text, OUT mismatches bigint, OUT sample jsonb)
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off
SET enable_material = off AS $$
BEGIN
  SELECT count(*) FILTER (WHERE state = 2), count(*) FILTER (WHERE state = 1) INTO dead, retrying
    FROM dead_letters WHERE region = a_region AND state IN (1, 2);
  SELECT o.total, o.total - e.total, x.next_seq - 1 - c.position,
      coalesce((SELECT greatest(0, extract(epoch FROM a_now - w.created_at) * 1000) FROM outbox w
                WHERE w.region = a_region AND w.seq = c.position + 1), 0)
    INTO orders_total, orders_open, outbox_waiting, outbox_oldest_ms
    FROM stream_heads o, stream_heads e, stream_heads x, cursors c
    WHERE o.region = a_region AND o.stream = 'orders' AND e.region = a_region AND e.stream = 'executions'
      AND x.region = a_region AND x.stream = 'outbox' AND c.region = a_region AND c.consumer = 'balance' AND c.stream = 'outbox';
  -- Few rows after simfill's cursor are final already: it lags behind by some thousands at most.
  SELECT coalesce(greatest(0, extract(epoch FROM a_now - least(
      (SELECT o.created_at FROM (SELECT n.seq, n.kind, n.created_at FROM orders n WHERE n.region = a_region
            AND n.seq > (SELECT c.position FROM cursors c WHERE c.region = a_region AND c.consumer = 'simfill' AND c.stream = 'orders')
          ORDER BY n.seq LIMIT 10000) o
        WHERE o.kind = 1 AND NOT EXISTS (SELECT FROM executions e WHERE e.region = a_region AND e.order_seq = o.seq AND e.leg = 0)
        ORDER BY o.seq LIMIT 1),
      (SELECT min(p.due_at) FROM parked_orders p WHERE p.region = a_region))) * 1000), 0) INTO order_oldest_ms;
  SELECT CASE WHEN count(*) = a_limit THEN max(p.account) ELSE '' END, count(*) FILTER (WHERE p.wrong),
      coalesce(jsonb_agg(jsonb_build_object('account', p.account, 'balanceCents', p.balance_cents, 'lastEntryCents', p.resulting_cents))
               FILTER (WHERE p.wrong AND p.number <= 5), '[]')
    INTO last_account, mismatches, sample
    FROM (SELECT b.account, b.balance_cents, l.resulting_cents, b.balance_cents <> coalesce(l.resulting_cents, 0)
            OR b.version <> coalesce(l.version, 0) AS wrong, row_number() OVER () AS number
          FROM (SELECT * FROM balances WHERE region = a_region AND account > a_after ORDER BY account LIMIT a_limit) b
          CROSS JOIN LATERAL ledger_before(a_region, b.account, 9223372036854775807) l) p;
END $$;

-- As in 0006_reconciler.
CREATE OR REPLACE FUNCTION reconciler_new_entries(a_region text, a_after bigint, a_to bigint) RETURNS TABLE (invariant text, violation jsonb)
LANGUAGE sql STABLE AS $$
  WITH entry AS MATERIALIZED (
    SELECT l.seq, l.account, l.owner, l.order_seq, l.delta_cents, l.resulting_cents, l.version, l.reason,
      lag(l.resulting_cents) OVER w AS before_cents, lag(l.version) OVER w AS before_version
    FROM ledger l WHERE l.region = a_region AND l.seq > a_after AND l.seq <= a_to WINDOW w AS (PARTITION BY l.account ORDER BY l.seq)
  ), linked AS (
    SELECT e.*, coalesce(e.before_cents, p.resulting_cents, 0) AS from_cents, coalesce(e.before_version, p.version, 0) AS from_version
    FROM entry e LEFT JOIN LATERAL ledger_before(a_region, CASE WHEN e.before_version IS NULL THEN e.account END, e.seq) p ON true -- strict
  )
  SELECT 'I2', jsonb_build_object('account', account, 'balancesSeq', seq, 'problem', 'does not follow from the entry before')
  FROM linked WHERE resulting_cents <> from_cents + delta_cents OR version <> from_version + 1
  UNION ALL
  SELECT 'I10', jsonb_build_object('balancesSeq', seq, 'problem', 'its legs do not cancel') FROM entry
  GROUP BY seq HAVING sum(delta_cents) <> 0 OR count(*) <> 2
  UNION ALL
  SELECT 'I1', jsonb_build_object('balancesSeq', e.seq, 'orderSeq', e.order_seq, 'problem', 'its order was not accepted with this sum')
  FROM entry e WHERE e.reason = 2 AND e.account <> '@market' AND NOT EXISTS (SELECT FROM executions f
    WHERE f.region = a_region AND f.order_seq = e.order_seq AND f.leg = 0 AND f.type = 2 AND f.user_id = e.account
      AND f.notional_cents = abs(e.delta_cents) AND (f.side = 1) = (e.delta_cents < 0))
$$;

-- ---- balance ----

-- int8pl refuses to overflow; sum(bigint) goes through numeric to be able to.
CREATE AGGREGATE running_sum(bigint) (SFUNC = int8pl, STYPE = bigint, INITCOND = '0');

-- Result: the cost after one more fill: the rule of position_take (0004_balance) for the cost alone, where the quantity held before it is
-- known. start_cost: what is held at the beginning, at the first fill, 0 after it.
CREATE FUNCTION position_cost(cost bigint, start_cost bigint, held bigint, change bigint, delta bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN CASE
    WHEN held = 0 OR (held > 0) = (change > 0) THEN cost + start_cost - delta
    WHEN abs(change) >= abs(held) THEN -div(delta::numeric * abs(held + change), abs(change))::bigint
    WHEN abs(cost + start_cost) < 4000000000 THEN cost + start_cost - (cost + start_cost) * abs(change) / abs(held) -- change is an integer: no overflow
    ELSE cost + start_cost - div((cost + start_cost)::numeric * abs(change), abs(held))::bigint END;
END $$;
CREATE AGGREGATE running_cost(start_cost bigint, held bigint, change bigint, delta bigint) (SFUNC = position_cost, STYPE = bigint, INITCOND = '0');

-- As in 0004_balance. One row per adjustment carries both legs and what its account comes to; an account is looked up at its first one.
CREATE OR REPLACE FUNCTION balance_apply(a_region text, a_epoch bigint, a_next_seq bigint, a_first bigint, a_count integer, a_now timestamptz)
RETURNS TABLE (r_resulting bigint, r_version bigint) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  a_last          bigint := a_first + a_count - 1;
  market_cents    bigint := 0;
  market_version  bigint := 0;
  settled         bigint;
BEGIN
  PERFORM balance_fence(a_region, a_epoch, a_next_seq, a_count);
  UPDATE cursors SET position = a_last
    WHERE region = a_region AND consumer = 'balance' AND stream = 'outbox' AND position = a_first - 1;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'outbox cursor of % is not at %', a_region, a_first - 1 USING ERRCODE = 'TB001';
  END IF;
  SELECT balance_cents, version INTO market_cents, market_version FROM balances WHERE region = a_region AND account = '@market';
  market_cents := coalesce(market_cents, 0);
  market_version := coalesce(market_version, 0);
  RETURN QUERY
  WITH legs AS MATERIALIZED (
    SELECT c.*, running_cost(c.start_cost, c.units - c.change, c.change, c.delta) OVER w AS cost
      FROM (
        SELECT b.i, b.order_seq, b.price_cents, b.quantity, b.side, b.user_id, b.trace_id, b.delta, b.change, b.is_last, b.market_resulting,
               running_sum(coalesce(b.held[1], 0) + b.delta) OVER w AS resulting,
               running_sum(coalesce(b.held[2], 0) + 1) OVER w AS version,
               running_sum(coalesce(b.held[3], 0) + b.change) OVER w AS units, coalesce(b.held[4], 0) AS start_cost
          FROM (
            SELECT n.*, CASE n.nth WHEN 1 THEN (SELECT ARRAY[k.balance_cents, k.version, p.quantity, p.cost_cents] FROM balances k
                       LEFT JOIN positions p ON p.region = a_region AND p.account = n.user_id WHERE k.region = a_region AND k.account = n.user_id) END AS held
              FROM (
                SELECT m.*, row_number() OVER w AS nth, lead(m.i) OVER w IS NULL AS is_last
                  FROM (
                    SELECT x.seq - a_first + 1 AS i, x.order_seq, x.price_cents, x.quantity, x.side, x.user_id, x.trace_id,
                           CASE x.fault WHEN 1 THEN balance_poison(x.seq) ELSE x.delta_cents END AS delta,
                           CASE x.side WHEN 1 THEN x.quantity::bigint ELSE -x.quantity::bigint END AS change,
                           market_cents - running_sum(x.delta_cents) OVER (ORDER BY x.seq ROWS UNBOUNDED PRECEDING) AS market_resulting
                      FROM outbox x WHERE x.region = a_region AND x.seq BETWEEN a_first AND a_last) m
                WINDOW w AS (PARTITION BY m.user_id ORDER BY m.i ROWS UNBOUNDED PRECEDING)) n) b
          WINDOW w AS (PARTITION BY b.user_id ORDER BY b.i ROWS UNBOUNDED PRECEDING)) c
      WINDOW w AS (PARTITION BY c.user_id ORDER BY c.i ROWS UNBOUNDED PRECEDING)
  ), written AS (
    INSERT INTO ledger (region, seq, order_seq, delta_cents, resulting_cents, price_cents, version, created_at, quantity, reason, side,
                        account, owner, trace_id)
      SELECT a_region, a_next_seq - 1 + l.i, l.order_seq, v.delta, v.resulting, l.price_cents, v.version, a_now, l.quantity, 2, l.side,
             v.account, l.user_id, l.trace_id
        FROM legs l CROSS JOIN LATERAL (VALUES (l.user_id, l.delta, l.resulting, l.version), ('@market', -l.delta, l.market_resulting, market_version + l.i)) AS v (account, delta, resulting, version)
  ), carried AS (
    INSERT INTO balances AS k (region, account, balance_cents, version, last_order_seq, updated_at)
      SELECT a_region, l.user_id, l.resulting, l.version, l.order_seq, a_now FROM legs l WHERE l.is_last
      UNION ALL
      SELECT a_region, '@market', l.market_resulting, market_version + a_count, l.order_seq, a_now FROM legs l WHERE l.i = a_count
      ON CONFLICT (region, account) DO UPDATE SET balance_cents = excluded.balance_cents, version = excluded.version,
        last_order_seq = excluded.last_order_seq, updated_at = excluded.updated_at
  ), held AS (
    INSERT INTO positions (region, account, quantity, cost_cents, updated_at)
      SELECT a_region, l.user_id, l.units, l.cost, a_now FROM legs l WHERE l.is_last
      ON CONFLICT (region, account) DO UPDATE SET quantity = excluded.quantity, cost_cents = excluded.cost_cents,
        updated_at = excluded.updated_at
  )
  SELECT l.resulting, l.version FROM legs l ORDER BY l.i;
  GET DIAGNOSTICS settled = ROW_COUNT;
  IF settled <> a_count THEN -- the writer was told of rows that are not there: it must look again
    RAISE EXCEPTION 'outbox of % has % of the rows % to %', a_region, settled, a_first, a_last USING ERRCODE = 'TB001';
  END IF;
END $$;

-- ---- simfill ----

-- As in 0003_simfill, with the candle of this batch's trades: open, high, low, close (cents), quantity, notional (cents), trades; empty when there
-- are none. The version before calls the one without.
CREATE FUNCTION simfill_append(a_region text, a_epoch bigint, a_executions_next bigint, a_outbox_next bigint, a_cursor bigint,
  a_at timestamptz, a_az text,
  a_orders bigint[], a_types smallint[], a_sides smallint[], a_legs integer[], a_quantities integer[], a_prices bigint[],
  a_notionals bigint[], a_users text[],
  a_out_orders bigint[], a_out_deltas bigint[], a_out_prices bigint[], a_out_quantities integer[], a_out_sides smallint[],
  a_out_faults smallint[], a_out_created timestamptz[], a_out_traces uuid[], a_out_users text[],
  a_park_orders bigint[], a_park_due_us bigint[], a_unpark_orders bigint[], a_candle bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE stream_heads h SET next_seq = h.next_seq + cardinality(a_orders), total = h.total + cardinality(array_positions(a_legs, 0))
    WHERE h.region = a_region AND h.stream = 'executions' AND h.epoch = a_epoch AND h.next_seq = a_executions_next;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'executions of %: epoch % at seq % is not the head', a_region, a_epoch, a_executions_next USING ERRCODE = 'TB001';
  END IF;
  IF cardinality(a_orders) > 0 THEN
    INSERT INTO executions (region, seq, order_seq, type, side, leg, quantity, price_cents, notional_cents, created_at, user_id, az)
      SELECT a_region, a_executions_next - 1 + e.i, e.order_seq, e.type, e.side, e.leg, e.quantity, e.price, e.notional, a_at, e.usr, a_az
      FROM unnest(a_orders, a_types, a_sides, a_legs, a_quantities, a_prices, a_notionals, a_users)
        WITH ORDINALITY AS e (order_seq, type, side, leg, quantity, price, notional, usr, i);
  END IF;
  IF cardinality(a_candle) > 0 THEN
    INSERT INTO candles AS c (region, start_at, open_cents, high_cents, low_cents, close_cents, quantity, notional_cents, trades)
      VALUES (a_region, date_bin('1 minute', a_at, 'epoch'), a_candle[1], a_candle[2], a_candle[3], a_candle[4], a_candle[5], a_candle[6], a_candle[7])
      ON CONFLICT (region, start_at) DO UPDATE SET high_cents = greatest(c.high_cents, excluded.high_cents),
        low_cents = least(c.low_cents, excluded.low_cents), close_cents = excluded.close_cents, quantity = c.quantity + excluded.quantity,
        notional_cents = c.notional_cents + excluded.notional_cents, trades = c.trades + excluded.trades;
  END IF;
  IF cardinality(a_out_orders) > 0 THEN
    UPDATE stream_heads h SET next_seq = h.next_seq + cardinality(a_out_orders)
      WHERE h.region = a_region AND h.stream = 'outbox' AND h.next_seq = a_outbox_next;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'outbox of %: seq % is not the head', a_region, a_outbox_next USING ERRCODE = 'TB001';
    END IF;
    INSERT INTO outbox (region, seq, order_seq, delta_cents, price_cents, quantity, side, fault, created_at, order_created_at, trace_id,
                        user_id)
      SELECT a_region, a_outbox_next - 1 + e.i, e.order_seq, e.delta, e.price, e.quantity, e.side, e.fault, a_at, e.created, e.trace, e.usr
      FROM unnest(a_out_orders, a_out_deltas, a_out_prices, a_out_quantities, a_out_sides, a_out_faults, a_out_created, a_out_traces,
                  a_out_users)
        WITH ORDINALITY AS e (order_seq, delta, price, quantity, side, fault, created, trace, usr, i);
  END IF;
  IF cardinality(a_park_orders) > 0 THEN
    INSERT INTO parked_orders (region, order_seq, due_at)
      SELECT a_region, e.order_seq,
             CASE WHEN e.due_us < 9223372036854775807 THEN timestamptz 'epoch' + e.due_us * interval '1 microsecond' END -- else never
      FROM unnest(a_park_orders, a_park_due_us) AS e (order_seq, due_us) ON CONFLICT DO NOTHING;
  END IF;
  IF cardinality(a_unpark_orders) > 0 THEN
    DELETE FROM parked_orders p WHERE p.region = a_region AND p.order_seq = ANY (a_unpark_orders);
  END IF;
  UPDATE cursors c SET position = a_cursor
    WHERE c.region = a_region AND c.consumer = 'simfill' AND c.stream = 'orders' AND c.position < a_cursor;
END $$;
