-- A long history of a region that fits together: what the actors would have left after so many orders, made by SQL in a few minutes.
-- psql -v region=nl-1 -v orders=5000000 -v personas=200 -f history.sql; also within a test, through history_fill(). While it runs no actor may:
-- it takes every stream's epoch, so a former writer is fenced off. It goes on from what is there, as long as nothing is under way.
--
-- Of 200 rows of the orders stream one is a cancel request, its order hung until then; one order is cancelled by its seed, nine are filled in
-- three trades, the others in one. A third of the orders are of the three seed personas. Everything is settled; two orders a second.

SET client_min_messages = warning;

-- Effect: the personas trader-1 … trader-N, and the opening balances of all that have none yet.
CREATE OR REPLACE FUNCTION pg_temp.history_personas(a_region text, a_personas integer, a_begin timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  head record;
BEGIN
  PERFORM persona_seed(a_region);
  PERFORM persona_create(a_region, 'trader-' || i, 'Trader ' || i, '', NULL, a_begin) FROM generate_series(1, a_personas) i;
  SELECT * INTO STRICT head FROM take_epoch(a_region, 'balances');
  PERFORM balance_open(a_region, head.epoch, head.next_seq, 1000000000, 1000000, a_begin);
END $$;

-- Effect: history_orders holds the next a_rows rows of the orders stream; all of them but those of kind 2 are orders.
CREATE OR REPLACE FUNCTION pg_temp.history_plan(a_region text, a_from bigint, a_rows bigint, a_begin timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  seeded text[] := ARRAY(SELECT user_id FROM personas WHERE NOT deleted AND seed ORDER BY user_id);
  others text[] := ARRAY(SELECT user_id FROM personas WHERE NOT deleted AND NOT seed ORDER BY created_at, user_id);
BEGIN
  others := CASE WHEN others = '{}' THEN seeded ELSE others END;
  CREATE TEMP TABLE IF NOT EXISTS history_orders (
    seq bigint, kind smallint, side smallint, quantity integer, price bigint, created_at timestamptz, trace uuid, usr text, client text, key text,
    seed text, target bigint, final_type smallint, legs integer) ON COMMIT DELETE ROWS;
  INSERT INTO history_orders
    SELECT r.seq, CASE WHEN r.place = 101 THEN 2 ELSE 1 END, CASE WHEN r.place <> 101 THEN 1 + (r.dice >> 8) % 2 END,
      CASE WHEN r.place = 101 THEN NULL WHEN r.place % 20 = 0 THEN 9 ELSE 1 + (r.dice >> 16) % 20 END,
      CASE WHEN r.place <> 101 THEN 9000 + (r.dice >> 24) % 6000 END, a_begin + (r.seq - a_from) * interval '0.5 s',
      -- As the gateway makes them: rising with time.
      (lpad(to_hex((extract(epoch FROM a_begin) * 1000)::bigint + (r.seq - a_from) * 500), 12, '0') || lpad(to_hex(r.seq), 20, '0'))::uuid,
      r.usr, CASE WHEN r.place = 101 THEN '@cancel' ELSE 'client-' || r.dice % 50 END,
      CASE WHEN r.place = 101 THEN 'cancel:' || r.seq - 1 ELSE 'history-' || r.seq END,
      CASE WHEN r.place = 101 THEN NULL WHEN r.place = 100 THEN 'hang' WHEN r.place = 50 THEN 'cancel' WHEN r.place % 20 = 0 THEN 'partial:3'
        ELSE to_hex(r.dice) END,
      CASE WHEN r.place = 101 THEN r.seq - 1 END,
      CASE WHEN r.place IN (50, 100) THEN 3 WHEN r.place <> 101 THEN 2 END,
      CASE WHEN r.place IN (50, 100, 101) THEN 0 WHEN r.place % 20 = 0 THEN 3 ELSE 1 END
    FROM (SELECT s AS seq, s % 200 AS place, d.dice,
            CASE WHEN d.dice % 3 = 0 THEN seeded[1 + (d.dice >> 4) % cardinality(seeded)] ELSE others[1 + (d.dice >> 4) % cardinality(others)] END AS usr
          FROM generate_series(a_from, a_from + a_rows - 1) s
            -- A cancel request has its order's dice, hence its user.
            CROSS JOIN LATERAL (SELECT abs(hashint8extended(CASE s % 200 WHEN 101 THEN s - 1 ELSE s END, 1637) >> 1) AS dice) d) r;
END $$;

-- Effect: history_orders as rows of the orders and executions streams, with candles and outbox.
CREATE OR REPLACE FUNCTION pg_temp.history_trade(a_region text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  executed bigint := (SELECT next_seq FROM stream_heads WHERE region = a_region AND stream = 'executions');
  adjusted bigint := (SELECT next_seq FROM stream_heads WHERE region = a_region AND stream = 'outbox');
  rows bigint;
BEGIN
  INSERT INTO orders (region, seq, kind, side, time_in_force, quantity, price_cents, target_seq, created_at, trace_id, user_id, client_id,
                      idempotency_key, simulation_seed, gateway_us)
    SELECT a_region, seq, kind, side, CASE kind WHEN 1 THEN 1 END, quantity, price, target, created_at, trace, usr, client, key, seed,
           CASE kind WHEN 1 THEN 300 END
    FROM history_orders ORDER BY seq;
  INSERT INTO executions (region, seq, order_seq, type, side, leg, quantity, price_cents, notional_cents, created_at, user_id, az)
    SELECT a_region, executed - 1 + row_number() OVER (ORDER BY h.seq, l.leg = 0, l.leg), h.seq, CASE l.leg WHEN 0 THEN h.final_type ELSE 1 END,
           h.side, l.leg, f.quantity, CASE WHEN h.legs > 0 THEN h.price ELSE 0 END, f.quantity * h.price, h.created_at + interval '60 ms', h.usr, 'a'
    FROM history_orders h CROSS JOIN LATERAL generate_series(0, h.legs) l (leg)
      CROSS JOIN LATERAL (SELECT CASE WHEN h.legs = 0 THEN 0 WHEN l.leg = 0 THEN h.quantity ELSE h.quantity / h.legs END AS quantity) f
    WHERE h.kind = 1;
  GET DIAGNOSTICS rows = ROW_COUNT;
  UPDATE stream_heads SET next_seq = next_seq + rows, total = total + (SELECT count(*) FROM history_orders WHERE kind = 1)
    WHERE region = a_region AND stream = 'executions';
  INSERT INTO candles AS c (region, start_at, open_cents, high_cents, low_cents, close_cents, quantity, notional_cents, trades)
    SELECT a_region, date_bin('1 minute', created_at, 'epoch'), (array_agg(price_cents ORDER BY seq))[1], max(price_cents), min(price_cents),
           (array_agg(price_cents ORDER BY seq DESC))[1], sum(quantity), sum(notional_cents), count(*)
    FROM executions WHERE region = a_region AND seq >= executed AND type = 1 GROUP BY 2
    ON CONFLICT (region, start_at) DO UPDATE SET high_cents = greatest(c.high_cents, excluded.high_cents),
      low_cents = least(c.low_cents, excluded.low_cents), close_cents = excluded.close_cents, quantity = c.quantity + excluded.quantity,
      notional_cents = c.notional_cents + excluded.notional_cents, trades = c.trades + excluded.trades;
  INSERT INTO outbox (region, seq, order_seq, delta_cents, price_cents, quantity, side, created_at, order_created_at, trace_id, user_id)
    SELECT a_region, adjusted - 1 + row_number() OVER (ORDER BY seq), seq, CASE side WHEN 1 THEN -1 ELSE 1 END * quantity * price, price, quantity,
           side, created_at + interval '60 ms', created_at, trace, usr
    FROM history_orders WHERE final_type = 2;
  GET DIAGNOSTICS rows = ROW_COUNT;
  UPDATE stream_heads SET next_seq = next_seq + rows WHERE region = a_region AND stream = 'outbox';
  UPDATE cursors SET position = (SELECT max(seq) FROM history_orders) WHERE region = a_region AND consumer = 'simfill' AND stream = 'orders';
END $$;

-- Effect: the adjustments that balance has not taken yet, settled as balance_apply() would, in one go.
CREATE OR REPLACE FUNCTION pg_temp.history_settle(a_region text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  taken  bigint := (SELECT position FROM cursors WHERE region = a_region AND consumer = 'balance' AND stream = 'outbox');
  last   bigint := (SELECT next_seq - 1 FROM stream_heads WHERE region = a_region AND stream = 'outbox');
  moved  bigint := (SELECT next_seq - 1 FROM stream_heads WHERE region = a_region AND stream = 'balances');
BEGIN
  CREATE TEMP TABLE IF NOT EXISTS history_legs (seq bigint, account text, owner text, signed_cents bigint, side smallint, quantity integer,
    price bigint, order_seq bigint, trace uuid, created_at timestamptz) ON COMMIT DELETE ROWS;
  INSERT INTO history_legs
    SELECT moved + x.seq - taken, leg.account, x.user_id, leg.sign * x.delta_cents, x.side, x.quantity, x.price_cents, x.order_seq, x.trace_id,
           x.created_at + interval '5 ms'
    FROM outbox x CROSS JOIN LATERAL (VALUES (x.user_id, 1), ('@market', -1)) AS leg (account, sign)
    WHERE x.region = a_region AND x.seq > taken AND x.seq <= last;
  INSERT INTO ledger (region, seq, order_seq, delta_cents, resulting_cents, price_cents, version, created_at, quantity, reason, side, account,
                      owner, trace_id)
    SELECT a_region, l.seq, l.order_seq, l.signed_cents, b.balance_cents + sum(l.signed_cents) OVER entries, l.price,
           b.version + row_number() OVER entries, l.created_at, l.quantity, 2, l.side, l.account, l.owner, l.trace
    FROM history_legs l JOIN balances b ON b.region = a_region AND b.account = l.account
    WINDOW entries AS (PARTITION BY l.account ORDER BY l.seq ROWS UNBOUNDED PRECEDING) ORDER BY l.seq;
  UPDATE balances b SET balance_cents = b.balance_cents + t.total, version = b.version + t.entries, last_order_seq = t.last_order, updated_at = t.last_at
    FROM (SELECT account, sum(signed_cents) AS total, count(*) AS entries, max(order_seq) AS last_order, max(created_at) AS last_at
          FROM history_legs GROUP BY account) t
    WHERE b.region = a_region AND b.account = t.account;
  INSERT INTO positions AS p (region, account, quantity, cost_cents, updated_at)
    SELECT a_region, h.account, h.after[1], h.after[2], h.last_at
    FROM (SELECT l.account, position_after(k.quantity, k.cost_cents, l.side, l.quantity, l.signed_cents ORDER BY l.seq) AS after,
            max(l.created_at) AS last_at
          FROM history_legs l LEFT JOIN positions k ON k.region = a_region AND k.account = l.account
          WHERE l.account = l.owner GROUP BY l.account) h
    ON CONFLICT (region, account) DO UPDATE SET quantity = excluded.quantity, cost_cents = excluded.cost_cents, updated_at = excluded.updated_at;
  UPDATE stream_heads SET next_seq = next_seq + last - taken WHERE region = a_region AND stream = 'balances';
  UPDATE cursors SET position = last WHERE region = a_region AND consumer = 'balance' AND stream = 'outbox';
END $$;

-- Effect: a_rows more rows of the orders stream and all that follows from them, in one transaction.
CREATE OR REPLACE FUNCTION pg_temp.history_part(a_region text, a_rows bigint, a_begin timestamptz) RETURNS void LANGUAGE plpgsql
SET enable_nestloop = off SET work_mem = '256MB' SET plan_cache_mode = force_custom_plan AS $$
DECLARE
  head record;
BEGIN
  SELECT * INTO STRICT head FROM take_epoch(a_region, 'orders');
  PERFORM take_epoch(a_region, 'executions'), take_epoch(a_region, 'balances');
  IF EXISTS (SELECT FROM audit_open(a_region) o WHERE o.orders_open + o.adjustments_waiting + o.retrying <> 0) THEN
    RAISE EXCEPTION 'orders are under way in %: history begins when everything is settled', a_region;
  END IF;
  PERFORM pg_temp.history_plan(a_region, head.next_seq, a_rows, a_begin);
  UPDATE stream_heads SET next_seq = next_seq + a_rows, total = total + (SELECT count(*) FROM history_orders WHERE kind = 1)
    WHERE region = a_region AND stream = 'orders';
  PERFORM pg_temp.history_trade(a_region);
  PERFORM pg_temp.history_settle(a_region);
END $$;

-- When the next order of the history comes: half a second after the last, else a_seconds ago.
CREATE OR REPLACE FUNCTION pg_temp.history_begin(a_region text, a_seconds bigint) RETURNS timestamptz LANGUAGE sql AS $$
  SELECT coalesce((SELECT o.created_at + interval '0.5 s' FROM orders o WHERE o.region = a_region ORDER BY o.seq DESC LIMIT 1),
                  date_trunc('second', now()) - a_seconds * interval '1 s')
$$;
