-- The sequencer's store procedures (actors/sequencer/store.h says what each promises). One call is one transaction.

-- Effect: fences the writer before us and reads where the stream stands and how many orders are final.
CREATE FUNCTION sequencer_take_epoch(a_region text, OUT epoch bigint, OUT next_seq bigint, OUT orders_total bigint, OUT terminal_total bigint)
LANGUAGE sql AS $$
  SELECT t.epoch, t.next_seq, t.total,
         (SELECT h.total FROM stream_heads h WHERE h.region = a_region AND h.stream = 'executions')
  FROM take_epoch(a_region, 'orders') t
$$;

-- Return: the newest orders, for the hint possibleDuplicateOf. a_from bounds the work, whatever the clock says.
CREATE FUNCTION sequencer_recent(a_region text, a_from bigint, a_since timestamptz)
RETURNS TABLE (seq bigint, user_id text, side smallint, quantity integer, price_cents bigint, created_at timestamptz)
LANGUAGE sql STABLE AS $$
  SELECT o.seq, o.user_id, o.side, o.quantity, o.price_cents, o.created_at
  FROM orders o WHERE o.region = a_region AND o.seq >= a_from AND o.kind = 1 AND o.created_at > a_since ORDER BY o.seq
$$;

CREATE FUNCTION sequencer_backlog(a_region text) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT h.total FROM stream_heads h WHERE h.region = a_region AND h.stream = 'executions'
$$;

-- Effect: moves the head of the orders stream by a_rows rows, a_orders of them orders; raises TB001 when it is not ours or not there (rule 3).
CREATE FUNCTION sequencer_move_head(a_region text, a_epoch bigint, a_next bigint, a_rows integer, a_orders integer) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE stream_heads h SET next_seq = h.next_seq + a_rows, total = h.total + a_orders
    WHERE h.region = a_region AND h.stream = 'orders' AND h.epoch = a_epoch AND h.next_seq = a_next;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'orders of %: epoch % at seq % is not the head', a_region, a_epoch, a_next USING ERRCODE = 'TB001';
  END IF;
END $$;

-- Effect: appends those of the entries whose (client_id, idempotency_key) is not stored yet, with dense seqs from a_next on.
-- Return: the stored row of each of the others. Almost always there is none: then the unique constraint is the only look-up.
CREATE FUNCTION sequencer_append(a_region text, a_epoch bigint, a_next bigint, a_at timestamptz,
  a_users text[], a_clients text[], a_keys text[], a_seeds text[], a_sides smallint[], a_tifs smallint[], a_quantities integer[],
  a_prices bigint[], a_generated boolean[], a_duplicates bigint[], a_traces uuid[])
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
                        key_generated, user_id, client_id, idempotency_key, simulation_seed)
      SELECT a_region, a_next - 1 + e.i, 1, e.side, e.tif, e.quantity, e.price,
             CASE WHEN e.duplicate > 0 THEN e.duplicate WHEN e.duplicate < 0 THEN a_next - 1 - e.duplicate END,
             a_at, e.trace, e.generated, e.usr, e.client, e.key, e.seed
      FROM unnest(a_users, a_clients, a_keys, a_seeds, a_sides, a_tifs, a_quantities, a_prices, a_generated, a_duplicates, a_traces)
        WITH ORDINALITY AS e (usr, client, key, seed, side, tif, quantity, price, generated, duplicate, trace, i);
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
                      key_generated, user_id, client_id, idempotency_key, simulation_seed)
    SELECT a_region, a_next - 1 + row_number() OVER (ORDER BY e.i), 1, e.side, e.tif, e.quantity, e.price,
           CASE WHEN e.duplicate > 0 THEN e.duplicate
                WHEN e.duplicate < 0 AND -e.duplicate <> ALL (known)
                THEN a_next - 1 - e.duplicate - (SELECT count(*) FROM unnest(known) k WHERE k < -e.duplicate) END,
           a_at, e.trace, e.generated, e.usr, e.client, e.key, e.seed
    FROM unnest(a_users, a_clients, a_keys, a_seeds, a_sides, a_tifs, a_quantities, a_prices, a_generated, a_duplicates, a_traces)
      WITH ORDINALITY AS e (usr, client, key, seed, side, tif, quantity, price, generated, duplicate, trace, i)
    WHERE e.i <> ALL (known);
  RETURN QUERY
    SELECT e.i::integer - 1, o.seq, o.user_id, o.client_id, o.idempotency_key, o.side, o.quantity, o.price_cents, o.time_in_force,
           o.simulation_seed, o.key_generated, o.possible_duplicate_of, o.trace_id, o.created_at
    FROM unnest(a_clients, a_keys) WITH ORDINALITY AS e (client, key, i)
    JOIN orders o ON o.region = a_region AND o.client_id = e.client AND o.idempotency_key = e.key
    WHERE e.i = ANY (known) ORDER BY e.i;
END $$;

-- Return: the open orders of a user, oldest first, at most a_limit. Open: not final, and after simfill's cursor or parked.
CREATE FUNCTION sequencer_open_orders(a_region text, a_user text, a_limit integer) RETURNS SETOF bigint LANGUAGE sql STABLE AS $$
  SELECT open.seq FROM (
    SELECT o.seq FROM orders o
      WHERE o.region = a_region AND o.user_id = a_user AND o.kind = 1
        AND o.seq > (SELECT c.position FROM cursors c WHERE c.region = a_region AND c.consumer = 'simfill' AND c.stream = 'orders')
    UNION
    SELECT o.seq FROM parked_orders p JOIN orders o ON o.region = a_region AND o.seq = p.order_seq
      WHERE p.region = a_region AND o.user_id = a_user) open
  WHERE NOT EXISTS (SELECT FROM executions x WHERE x.region = a_region AND x.order_seq = open.seq AND x.leg = 0)
  ORDER BY open.seq LIMIT a_limit
$$;

-- Effect: appends a cancel request (kind 2) for each open target that has none, with dense seqs from a_next on. Per entry, in order:
-- a_orders[i] > 0 names one order, else all open orders of a_users[i] are meant.
-- Return: per target refusal (proto Refusal: 0 none, 4 not found, 5 terminal) and cancel_seq where a request was appended now.
CREATE FUNCTION sequencer_cancel(a_region text, a_epoch bigint, a_next bigint, a_at timestamptz, a_all_limit integer,
  a_orders bigint[], a_users text[], a_traces uuid[])
RETURNS TABLE (entry integer, refusal smallint, terminal_type smallint, target_seq bigint, cancel_seq bigint, user_id text, trace_id uuid,
  created_at timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  upcoming bigint := a_next;
  targets bigint[];
  final smallint;
  added integer;
BEGIN
  PERFORM sequencer_move_head(a_region, a_epoch, a_next, 0, 0);
  FOR i IN 1 .. cardinality(a_orders) LOOP
    IF a_orders[i] > 0 THEN
      targets := ARRAY[a_orders[i]];
      PERFORM FROM orders o WHERE o.region = a_region AND o.seq = a_orders[i] AND o.kind = 1;
      IF NOT FOUND THEN
        RETURN QUERY SELECT i - 1, 4::smallint, 0::smallint, a_orders[i], NULL::bigint, NULL::text, NULL::uuid, NULL::timestamptz;
        CONTINUE;
      END IF;
      SELECT x.type INTO final FROM executions x WHERE x.region = a_region AND x.order_seq = a_orders[i] AND x.leg = 0;
      IF FOUND THEN
        RETURN QUERY SELECT i - 1, 5::smallint, final, a_orders[i], NULL::bigint, NULL::text, NULL::uuid, NULL::timestamptz;
        CONTINUE;
      END IF;
    ELSE
      targets := ARRAY(SELECT sequencer_open_orders(a_region, a_users[i], a_all_limit));
    END IF;
    INSERT INTO orders (region, seq, kind, target_seq, created_at, trace_id, user_id, client_id, idempotency_key)
      SELECT a_region, upcoming - 1 + row_number() OVER (ORDER BY o.seq), 2, o.seq, a_at, a_traces[i], o.user_id, '@cancel', 'cancel:' || o.seq
      FROM orders o
      WHERE o.region = a_region AND o.seq = ANY (targets) AND NOT EXISTS (
        SELECT FROM orders c WHERE c.region = a_region AND c.client_id = '@cancel' AND c.idempotency_key = 'cancel:' || o.seq);
    GET DIAGNOSTICS added = ROW_COUNT;
    RETURN QUERY
      SELECT i - 1, 0::smallint, 0::smallint, t, CASE WHEN c.seq >= upcoming THEN c.seq END, c.user_id, c.trace_id, c.created_at
      FROM unnest(targets) t
      JOIN orders c ON c.region = a_region AND c.client_id = '@cancel' AND c.idempotency_key = 'cancel:' || t ORDER BY t;
    upcoming := upcoming + added;
  END LOOP;
  PERFORM sequencer_move_head(a_region, a_epoch, a_next, (upcoming - a_next)::integer, 0);
END $$;
