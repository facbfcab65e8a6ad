-- Simfill's store procedures (actors/simfill/store.h says what each promises). One call is one transaction.

CREATE INDEX parked_orders_by_due ON parked_orders (region, due_at, order_seq);

-- The trades of each minute in which there were any, so that a chart's cost does not grow with history. Its newest row has the last price.
CREATE TABLE candles (
  region          text        NOT NULL,
  start_at        timestamptz NOT NULL,  -- a whole minute
  open_cents      bigint      NOT NULL,
  high_cents      bigint      NOT NULL,
  low_cents       bigint      NOT NULL,
  close_cents     bigint      NOT NULL,
  quantity        bigint      NOT NULL,
  notional_cents  numeric     NOT NULL,
  trades          bigint      NOT NULL,
  PRIMARY KEY (region, start_at)
) WITH (fillfactor = 20);

-- Effect: fences the writer before us (a batch of his that was just committing is decided then) and reads where both streams and our
-- cursor stand. The outbox has the same one writer: the epoch of 'executions' guards both, its own head only counts.
CREATE FUNCTION simfill_take_epoch(a_region text, OUT epoch bigint, OUT executions_next_seq bigint, OUT terminal_total bigint,
  OUT outbox_next_seq bigint, OUT cursor_position bigint)
LANGUAGE plpgsql AS $$
BEGIN
  SELECT t.epoch, t.next_seq, t.total INTO STRICT epoch, executions_next_seq, terminal_total FROM take_epoch(a_region, 'executions') t;
  -- Statements of their own: they must see what the former writer committed while take_epoch waited for him.
  SELECT h.next_seq INTO STRICT outbox_next_seq FROM stream_heads h WHERE h.region = a_region AND h.stream = 'outbox';
  SELECT c.position INTO STRICT cursor_position FROM cursors c
    WHERE c.region = a_region AND c.consumer = 'simfill' AND c.stream = 'orders';
END $$;

-- One row of the orders stream and how far its order has come.
CREATE TYPE simfill_order AS (
  seq bigint, kind smallint, user_id text, client_id text, idempotency_key text, side smallint, quantity integer, price_cents bigint,
  time_in_force smallint, simulation_seed text, key_generated boolean, possible_duplicate_of bigint, target_seq bigint, trace_id uuid,
  created_at timestamptz, legs_done bigint, filled_quantity bigint, notional_cents bigint, final boolean, parked boolean);

-- Return: the rows of the orders stream at these seqs, in the order given.
CREATE FUNCTION simfill_orders_at(a_region text, a_seqs bigint[]) RETURNS SETOF simfill_order LANGUAGE sql STABLE AS $$
  SELECT o.seq, o.kind, o.user_id, o.client_id, o.idempotency_key, o.side, o.quantity, o.price_cents, o.time_in_force,
         o.simulation_seed, o.key_generated, o.possible_duplicate_of, o.target_seq, o.trace_id, o.created_at,
         coalesce(x.legs, 0), coalesce(x.filled, 0), coalesce(x.notional, 0), coalesce(x.final, false), p.order_seq IS NOT NULL
  FROM unnest(a_seqs) WITH ORDINALITY AS s (seq, i)
  JOIN orders o ON o.region = a_region AND o.seq = s.seq
  LEFT JOIN LATERAL (
    SELECT count(*) FILTER (WHERE e.leg > 0) AS legs, sum(e.quantity) FILTER (WHERE e.leg > 0) AS filled,
           (sum(e.notional_cents) FILTER (WHERE e.leg > 0))::bigint AS notional, bool_or(e.leg = 0) AS final
    FROM executions e WHERE e.region = a_region AND e.order_seq = o.seq) x ON o.kind = 1
  LEFT JOIN parked_orders p ON p.region = a_region AND p.order_seq = o.seq
  ORDER BY s.i
$$;

-- Return: the rows after a_after, at most a_limit. Ahead of us nothing is filled or parked, but after a restart: so look once for the
-- whole range (seqs are dense), not once per order.
CREATE FUNCTION simfill_read_orders(a_region text, a_after bigint, a_limit integer) RETURNS SETOF simfill_order LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF EXISTS (SELECT FROM executions e WHERE e.region = a_region AND e.order_seq > a_after AND e.order_seq <= a_after + a_limit)
     OR EXISTS (SELECT FROM parked_orders p WHERE p.region = a_region AND p.order_seq > a_after AND p.order_seq <= a_after + a_limit) THEN
    RETURN QUERY SELECT r.* FROM simfill_orders_at(a_region, ARRAY(
      SELECT o.seq FROM orders o WHERE o.region = a_region AND o.seq > a_after ORDER BY o.seq LIMIT a_limit)) r;
  ELSE
    RETURN QUERY
      SELECT o.seq, o.kind, o.user_id, o.client_id, o.idempotency_key, o.side, o.quantity, o.price_cents, o.time_in_force,
             o.simulation_seed, o.key_generated, o.possible_duplicate_of, o.target_seq, o.trace_id, o.created_at,
             0::bigint, 0::bigint, 0::bigint, false, false
      FROM orders o WHERE o.region = a_region AND o.seq > a_after ORDER BY o.seq LIMIT a_limit;
  END IF;
END $$;

-- Return: the parked ones of these orders.
CREATE FUNCTION simfill_read_parked(a_region text, a_seqs bigint[]) RETURNS SETOF simfill_order LANGUAGE sql STABLE AS $$
  SELECT r.* FROM simfill_orders_at(a_region, ARRAY(
    SELECT p.order_seq FROM parked_orders p WHERE p.region = a_region AND p.order_seq = ANY (a_seqs) ORDER BY p.order_seq)) r
$$;

-- Return: parked orders due by a_before, each with when the next one after a_before is due; if there is none, one row with no order.
CREATE FUNCTION simfill_read_due(a_region text, a_before timestamptz, a_limit integer)
RETURNS TABLE (order_row simfill_order, next_due_at timestamptz) LANGUAGE sql STABLE AS $$
  SELECT r, n.due_at
  FROM (SELECT min(p.due_at) AS due_at FROM parked_orders p WHERE p.region = a_region AND p.due_at > a_before) n
  LEFT JOIN simfill_orders_at(a_region, ARRAY(
    SELECT p.order_seq FROM parked_orders p WHERE p.region = a_region AND p.due_at <= a_before
    ORDER BY p.due_at, p.order_seq LIMIT a_limit)) r ON true
$$;

-- Effect: one batch of fills, all or nothing: executions and adjustments with dense seqs, both heads, the minute's candle, the cursor and
-- the parked orders.
CREATE FUNCTION simfill_append(a_region text, a_epoch bigint, a_executions_next bigint, a_outbox_next bigint, a_cursor bigint,
  a_at timestamptz, a_az text,
  a_orders bigint[], a_types smallint[], a_sides smallint[], a_legs integer[], a_quantities integer[], a_prices bigint[],
  a_notionals bigint[], a_users text[],
  a_out_orders bigint[], a_out_deltas bigint[], a_out_prices bigint[], a_out_quantities integer[], a_out_sides smallint[],
  a_out_faults smallint[], a_out_created timestamptz[], a_out_traces uuid[], a_out_users text[],
  a_park_orders bigint[], a_park_due_us bigint[], a_unpark_orders bigint[]) RETURNS void
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
    INSERT INTO candles AS c (region, start_at, open_cents, high_cents, low_cents, close_cents, quantity, notional_cents, trades)
      SELECT a_region, date_bin('1 minute', a_at, 'epoch'), a_prices[min(t.i)], max(t.price), min(t.price), a_prices[max(t.i)],
             sum(t.quantity), sum(t.notional), count(*)
      FROM unnest(a_types, a_quantities, a_prices, a_notionals) WITH ORDINALITY AS t (type, quantity, price, notional, i)
      WHERE t.type = 1 HAVING count(*) > 0
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
