-- The second half of what the gateway reads (see 0007_api): the four event streams in their envelopes, single orders with their
-- events, and the small lists of operations.

-- The name of an event by its stream and its type's number in proto/*.proto.
CREATE FUNCTION event_name(stream text, type integer) RETURNS text LANGUAGE sql IMMUTABLE
RETURN CASE stream
  WHEN 'orders' THEN (ARRAY['OrderReceived', 'CancelRequested'])[type]
  WHEN 'executions' THEN (ARRAY['TradeExecuted', 'OrderAccepted', 'OrderCancelled', 'OrderRejected'])[type]
  WHEN 'balances' THEN
    (ARRAY['BalanceUpdated', 'BalanceAdjustmentFailed', 'DeadLettered', 'DeadLetterRedriven', 'DeadLetterDiscarded'])[type]
  WHEN 'ops' THEN (ARRAY['PersonaCreated', 'PersonaUpdated', 'PersonaDeleted', NULL, NULL, NULL, NULL, NULL, NULL, 'CueChanged', 'AlarmRaised',
    'AlarmCleared', 'RegionHealthChanged', 'Reconciled', 'TradeCompensated', 'FaultStarted', 'FaultEnded'])[type]
END;

-- The number of a type's name in a stream; NULL when the stream has no such events.
CREATE FUNCTION event_number(a_stream text, a_name text) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
  SELECT n FROM generate_series(1, 17) n WHERE event_name(a_stream, n) = a_name
$$;

-- ------------------------------------------------------------------------------------------- which events of a stream fit the filters
-- Ascending, a_after < seq <= a_until (an order's events are found by their own index wherever they are), NULL filters: any.

CREATE FUNCTION orders_event_seqs(a_region text, a_after bigint, a_until bigint, a_limit integer, a_type integer, a_user text, a_order bigint)
RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF a_order IS NOT NULL THEN
    RETURN ARRAY(
      SELECT c.seq FROM (
        SELECT seq, kind, user_id FROM orders WHERE region = a_region AND seq = a_order AND kind = 1
        UNION ALL
        SELECT seq, kind, user_id FROM orders
         WHERE region = a_region AND client_id = '@cancel' AND idempotency_key = 'cancel:' || a_order AND kind = 2) c
       WHERE c.seq > a_after AND (a_type IS NULL OR c.kind = a_type) AND (a_user IS NULL OR c.user_id = a_user)
       ORDER BY c.seq LIMIT a_limit);
  ELSIF a_user IS NOT NULL THEN
    RETURN ARRAY(
      SELECT seq FROM orders
       WHERE region = a_region AND user_id = a_user AND seq > a_after AND seq <= a_until AND (a_type IS NULL OR kind = a_type)
       ORDER BY seq LIMIT a_limit);
  END IF;
  RETURN ARRAY(
    SELECT seq FROM orders WHERE region = a_region AND seq > a_after AND seq <= a_until AND (a_type IS NULL OR kind = a_type)
     ORDER BY seq LIMIT a_limit);
END $$;

CREATE FUNCTION executions_event_seqs(a_region text, a_after bigint, a_until bigint, a_limit integer, a_type integer, a_user text,
                                      a_order bigint) RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF a_order IS NOT NULL THEN
    RETURN ARRAY(
      SELECT e.seq FROM (SELECT seq, type, user_id FROM executions WHERE region = a_region AND order_seq = a_order OFFSET 0) e
       WHERE e.seq > a_after AND (a_type IS NULL OR e.type = a_type) AND (a_user IS NULL OR e.user_id = a_user)
       ORDER BY e.seq LIMIT a_limit);
  END IF;
  RETURN ARRAY(
    SELECT seq FROM executions
     WHERE region = a_region AND seq > a_after AND seq <= a_until
       AND (a_type IS NULL OR type = a_type) AND (a_user IS NULL OR user_id = a_user)
     ORDER BY seq LIMIT a_limit);
END $$;

-- The personas' ledger entries are the BalanceUpdated of the balances stream.
CREATE FUNCTION ledger_event_seqs(a_region text, a_after bigint, a_until bigint, a_limit integer, a_user text, a_order bigint)
RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF a_order IS NOT NULL THEN
    RETURN ARRAY(
      SELECT l.seq FROM (SELECT seq, account FROM ledger WHERE region = a_region AND order_seq = a_order OFFSET 0) l
       WHERE l.account <> '@market' AND l.seq > a_after AND (a_user IS NULL OR l.account = a_user)
       ORDER BY l.seq LIMIT a_limit);
  ELSIF a_user IS NOT NULL THEN
    RETURN ARRAY(
      SELECT seq FROM ledger
       WHERE region = a_region AND account = a_user AND account <> '@market' AND seq > a_after AND seq <= a_until
       ORDER BY seq LIMIT a_limit);
  END IF;
  RETURN ARRAY(
    SELECT seq FROM ledger WHERE region = a_region AND seq > a_after AND seq <= a_until AND account <> '@market' ORDER BY seq LIMIT a_limit);
END $$;

CREATE FUNCTION failure_event_seqs(a_region text, a_after bigint, a_until bigint, a_limit integer, a_type integer, a_user text, a_order bigint)
RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF a_order IS NOT NULL THEN
    RETURN ARRAY(
      SELECT v.seq FROM (SELECT seq, type, user_id FROM balance_events WHERE region = a_region AND order_seq = a_order OFFSET 0) v
       WHERE v.seq > a_after AND (a_type IS NULL OR v.type = a_type) AND (a_user IS NULL OR v.user_id = a_user)
       ORDER BY v.seq LIMIT a_limit);
  ELSIF a_user IS NOT NULL THEN
    RETURN ARRAY(
      SELECT seq FROM balance_events
       WHERE region = a_region AND user_id = a_user AND seq > a_after AND seq <= a_until AND (a_type IS NULL OR type = a_type)
       ORDER BY seq LIMIT a_limit);
  END IF;
  RETURN ARRAY(
    SELECT seq FROM balance_events
     WHERE region = a_region AND seq > a_after AND seq <= a_until AND (a_type IS NULL OR type = a_type) ORDER BY seq LIMIT a_limit);
END $$;

CREATE FUNCTION balances_event_seqs(a_region text, a_after bigint, a_until bigint, a_limit integer, a_type integer, a_user text,
                                    a_order bigint) RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT ARRAY(
      SELECT seq FROM unnest(
          CASE WHEN coalesce(a_type, 1) = 1 THEN ledger_event_seqs(a_region, a_after, a_until, a_limit, a_user, a_order) END
          || CASE WHEN coalesce(a_type, 2) <> 1 THEN failure_event_seqs(a_region, a_after, a_until, a_limit, a_type, a_user, a_order) END) seq
       ORDER BY seq LIMIT a_limit));
END $$;

CREATE FUNCTION ops_event_seqs(a_region text, a_after bigint, a_until bigint, a_limit integer, a_type integer, a_user text, a_order bigint)
RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT ARRAY(
      SELECT seq FROM ops_events
       WHERE region = a_region AND seq > a_after AND seq <= a_until
         AND (a_type IS NULL OR type = a_type) AND (a_user IS NULL OR user_id = a_user) AND a_order IS NULL
       ORDER BY seq LIMIT a_limit));
END $$;

CREATE FUNCTION event_seqs(a_stream text, a_region text, a_after bigint, a_until bigint, a_limit integer, a_type integer, a_user text,
                           a_order bigint) RETURNS bigint[] LANGUAGE sql STABLE
RETURN CASE a_stream
  WHEN 'orders' THEN orders_event_seqs(a_region, a_after, a_until, a_limit, a_type, a_user, a_order)
  WHEN 'executions' THEN executions_event_seqs(a_region, a_after, a_until, a_limit, a_type, a_user, a_order)
  WHEN 'balances' THEN balances_event_seqs(a_region, a_after, a_until, a_limit, a_type, a_user, a_order)
  WHEN 'ops' THEN ops_event_seqs(a_region, a_after, a_until, a_limit, a_type, a_user, a_order) END;

-- ----------------------------------------------------------------------------------------------------------- what the events say

CREATE FUNCTION orders_payload(o orders) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT CASE o.kind WHEN 1 THEN
             (SELECT row_to_json(t) FROM (
               SELECT id_text(o.region, o.seq) AS "orderId", o.client_id AS "clientId", o.user_id AS "userId", 'TULIP' AS market,
                      side_text(o.side) AS side, o.quantity AS quantity, money_text(o.price_cents) AS price,
                      time_in_force_text(o.time_in_force) AS "timeInForce", 'PENDING' AS status, o.idempotency_key AS "idempotencyKey",
                      o.simulation_seed AS "simulationSeed", id_text(o.region, o.possible_duplicate_of) AS "possibleDuplicateOf",
                      time_text(o.created_at) AS "createdAt") t)
           ELSE
             (SELECT row_to_json(t) FROM (
               SELECT id_text(o.region, o.target_seq) AS "orderId", time_text(o.created_at) AS "requestedAt") t)
           END);
END $$;

CREATE FUNCTION executions_payload(e executions, o orders) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT CASE e.type WHEN 1 THEN
             (left(trade_text(e), -1) || ',"orderId":"' || id_text(e.region, e.order_seq) || '","side":"' || side_text(e.side) || '"}')::json
           ELSE
             (SELECT row_to_json(t) FROM (
               SELECT id_text(e.region, e.order_seq) AS "orderId", status_text(e.type) AS status, side_text(e.side) AS side,
                      o.quantity AS quantity, money_text(o.price_cents) AS price, e.quantity AS "filledQuantity",
                      CASE WHEN e.quantity > 0 THEN money_text(e.price_cents) END AS "avgFillPrice",
                      CASE e.type WHEN 2 THEN e.az END AS "acceptedAz", CASE e.type WHEN 2 THEN time_text(e.created_at) END AS "acceptedAt",
                      CASE e.type WHEN 3 THEN time_text(e.created_at) END AS "cancelledAt",
                      milliseconds_between(o.created_at, e.created_at) AS "processingMs") t)
           END);
END $$;

CREATE FUNCTION ledger_payload(l ledger) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT (left(ledger_entry_text(l), -1) || ',"currentBalance":"' || money_text(l.resulting_cents) || '","currency":"fl","version":'
            || l.version || '}')::json);
END $$;

CREATE FUNCTION failure_payload(b balance_events) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT row_to_json(t) FROM (
      SELECT id_text(b.region, b.outbox_seq) AS "dlqId", id_text(b.region, b.order_seq) AS "orderId", b.attempts AS attempts,
             b.error AS reason) t);
END $$;

-- The rows of the given seqs in the shape that all streams share.
CREATE FUNCTION event_rows(a_stream text, a_region text, a_seqs bigint[])
RETURNS TABLE (seq bigint, type integer, at timestamptz, order_seq bigint, user_id text, trace_id uuid, payload json)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  CASE a_stream
  WHEN 'orders' THEN RETURN QUERY
    SELECT o.seq, o.kind::integer, o.created_at, CASE o.kind WHEN 1 THEN o.seq ELSE o.target_seq END, o.user_id, o.trace_id, orders_payload(o)
      FROM orders o WHERE o.region = a_region AND o.seq = ANY (a_seqs);
  WHEN 'executions' THEN RETURN QUERY
    SELECT e.seq, e.type::integer, e.created_at, e.order_seq, e.user_id, o.trace_id, executions_payload(e, o)
      FROM executions e LEFT JOIN orders o ON o.region = e.region AND o.seq = e.order_seq
     WHERE e.region = a_region AND e.seq = ANY (a_seqs);
  WHEN 'balances' THEN RETURN QUERY
    SELECT l.seq, 1, l.created_at, l.order_seq, l.account, l.trace_id, ledger_payload(l)
      FROM ledger l WHERE l.region = a_region AND l.seq = ANY (a_seqs) AND l.account <> '@market'
    UNION ALL
    SELECT b.seq, b.type::integer, b.created_at, b.order_seq, b.user_id, b.trace_id, failure_payload(b)
      FROM balance_events b WHERE b.region = a_region AND b.seq = ANY (a_seqs);
  WHEN 'ops' THEN RETURN QUERY
    SELECT v.seq, v.type::integer, v.created_at, 0::bigint, v.user_id, v.trace_id, v.payload::json
      FROM ops_events v WHERE v.region = a_region AND v.seq = ANY (a_seqs);
  END CASE;
END $$;

-- Events in their envelopes, ascending, as the inside of a JSON array. prevSeq is the event before it in this answer; a_after for the
-- first, so that without filters it is seq - 1.
CREATE FUNCTION event_items(a_stream text, a_region text, a_seqs bigint[], a_after bigint) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT coalesce(string_agg((SELECT row_to_json(t)::text FROM (
             SELECT a_stream AS stream, e.seq AS seq, e.prev_seq AS "prevSeq",
                    'EVT#' || time_text(e.at) || '#' || a_region || '.' || left(a_stream, 3) || '.' || e.seq AS "eventId",
                    event_name(a_stream, e.type) AS type, a_region AS region, time_text(e.at) AS ts, id_text(a_region, e.order_seq) AS "orderId",
                    e.user_id AS "userId", trace_text(e.trace_id) AS "traceId", e.payload AS payload) t), ',' ORDER BY e.seq), '')
      FROM (SELECT r.*, lag(r.seq, 1, a_after) OVER (ORDER BY r.seq) AS prev_seq FROM event_rows(a_stream, a_region, a_seqs) r) e);
END $$;

-- GET /api/events?stream&afterSeq&limit&type&userId&orderId. nextAfterSeq moves on over events that the filters hide, so a filtered
-- reader makes progress.
CREATE FUNCTION api_events(a_region text, a_stream text, a_after bigint, a_limit integer, a_type text, a_user text, a_order bigint,
                           OUT status integer, OUT body text) LANGUAGE plpgsql STABLE AS $$
DECLARE
  last   bigint := last_seq(a_region, a_stream);
  until  bigint := CASE WHEN a_order IS NULL THEN least(last, least(a_after, last) + scan_budget()) ELSE last END;
  number integer := event_number(a_stream, a_type);
  seqs   bigint[] := '{}';
BEGIN
  IF a_type IS NULL OR number IS NOT NULL THEN
    seqs := event_seqs(a_stream, a_region, a_after, until, a_limit, number, a_user, a_order);
  END IF;
  status := 200;
  body := '{"items":[' || event_items(a_stream, a_region, seqs, a_after) || '],"nextAfterSeq":'
    || CASE WHEN cardinality(seqs) = a_limit THEN seqs[a_limit] ELSE greatest(a_after, until) END || ',"lastSeq":' || last || '}';
END $$;

-- Which persona a request has made (a_type 1) or removed (3) after all: a command that was sent twice finds its own effect in its way.
-- body: the persona's version and userId. Looks at the latest events only, for the request was just made.
CREATE FUNCTION api_persona_change(a_region text, a_type integer, a_trace uuid, a_since timestamptz, OUT status integer, OUT body text)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  SELECT (v.payload ->> 'version') || ' ' || v.user_id INTO body
    FROM (SELECT * FROM ops_events WHERE region = a_region ORDER BY seq DESC LIMIT 1000) v
   WHERE v.type = a_type AND v.trace_id = a_trace AND v.created_at >= a_since LIMIT 1;
  status := CASE WHEN body IS NULL THEN 404 ELSE 200 END;
END $$;

-- ----------------------------------------------------------------------------------------------------------------- single orders

-- The order as a repeated POST answers it: its present state and how its persona's cash stands.
CREATE FUNCTION api_order_present(a_region text, a_seq bigint, OUT status integer, OUT body text) LANGUAGE plpgsql STABLE AS $$
BEGIN
  SELECT order_text(o, balance_snapshot(o.region, o.user_id)) INTO body FROM order_rows o WHERE o.region = a_region AND o.seq = a_seq;
  status := CASE WHEN body IS NULL THEN 404 ELSE 200 END;
END $$;

-- All events of one order in one stream.
CREATE FUNCTION order_events(a_region text, a_stream text, a_seq bigint) RETURNS text LANGUAGE sql STABLE
RETURN event_items(a_stream, a_region, event_seqs(a_stream, a_region, 0, 9223372036854775807, 1000, NULL, NULL, a_seq), 0);

-- GET /api/orders/{orderId}: with its trades and all its events, oldest first.
CREATE FUNCTION api_order(a_region text, a_seq bigint, OUT status integer, OUT body text) LANGUAGE plpgsql STABLE AS $$
BEGIN
  SELECT p.status, p.body INTO status, body FROM api_order_present(a_region, a_seq) p;
  IF status = 200 THEN
    body := left(body, -1) || ',"trades":['
      || coalesce((SELECT string_agg(trade_text(e), ',' ORDER BY e.leg) FROM executions e
                    WHERE e.region = a_region AND e.order_seq = a_seq AND e.leg > 0), '')
      || '],"events":['
      || concat_ws(',', nullif(order_events(a_region, 'orders', a_seq), ''), nullif(order_events(a_region, 'executions', a_seq), ''),
                   nullif(order_events(a_region, 'balances', a_seq), ''))
      || ']}';
  END IF;
END $$;

-- GET /api/orders/by-key
CREATE FUNCTION api_order_by_key(a_region text, a_client text, a_key text, OUT status integer, OUT body text) LANGUAGE sql STABLE AS $$
  SELECT o.status, o.body
    FROM api_order(a_region, (SELECT seq FROM orders
                               WHERE region = a_region AND client_id = a_client AND idempotency_key = a_key AND kind = 1)) o
$$;

-- -------------------------------------------------------------------------------------------------- market, dead letters, alarms

-- GET /api/market
CREATE FUNCTION api_market(a_region text, OUT status integer, OUT body text) LANGUAGE plpgsql STABLE AS $$
DECLARE
  last_cents bigint := (SELECT price_cents FROM executions
                         WHERE region = a_region AND seq > last_seq(a_region, 'executions') - scan_budget() AND type = 1
                         ORDER BY seq DESC LIMIT 1);
BEGIN
  status := 200;
  SELECT row_to_json(t)::text INTO body FROM (
    SELECT 'TULIP' AS market, 'fl' AS currency, '0.01' AS "tickSize", money_text(last_cents) AS "lastPrice", 'SIMFILL' AS mode) t;
END $$;

-- GET /api/dlq: what waits for an operator, newest first. depth counts all of it.
CREATE FUNCTION api_dlq(a_region text, a_before bigint, a_limit integer, OUT status integer, OUT body text) LANGUAGE plpgsql STABLE AS $$
DECLARE
  seqs bigint[] := ARRAY(SELECT outbox_seq FROM dead_letters
                          WHERE region = a_region AND state IN (1, 2) AND state = 2 AND outbox_seq < a_before
                          ORDER BY outbox_seq DESC LIMIT a_limit + 1);
BEGIN
  status := 200;
  SELECT left(list_text(string_agg((SELECT row_to_json(t)::text FROM (
           SELECT id_text(d.region, d.outbox_seq) AS "dlqId", 'BalanceAdjustment' AS type, id_text(x.region, x.order_seq) AS "orderId",
                  x.user_id AS "userId", d.attempts AS attempts, time_text(d.first_failed_at) AS "firstFailedAt",
                  d.last_error AS "lastError",
                  (SELECT row_to_json(p) FROM (
                    SELECT id_text(x.region, x.order_seq) AS "orderId", x.user_id AS "userId", side_text(x.side) AS side,
                           x.quantity AS quantity, money_text(x.price_cents) AS price, money_text(x.delta_cents) AS delta) p) AS payload) t),
           ',' ORDER BY d.outbox_seq DESC), next_cursor('d1', seqs, a_limit)), -1)
         || ',"depth":' || (SELECT count(*) FROM dead_letters WHERE region = a_region AND state IN (1, 2) AND state = 2) || '}'
    INTO body
    FROM dead_letters d JOIN outbox x ON x.region = d.region AND x.seq = d.outbox_seq
   WHERE d.region = a_region AND d.outbox_seq = ANY (seqs[:a_limit]);
END $$;

-- GET /api/alarms: the active ones, the latest first.
CREATE FUNCTION api_alarms(a_region text, OUT status integer, OUT body text) LANGUAGE sql STABLE AS $$
  SELECT 200, '{"items":[' || coalesce(string_agg((SELECT row_to_json(t)::text FROM (
           SELECT a.id AS id, time_text(a.since) AS since, a.severity AS severity, a.message AS message, a.value AS value) t),
           ',' ORDER BY a.since DESC, a.id), '') || ']}'
    FROM alarms a WHERE a.region = a_region AND a.active
$$;

-- Under an entry point every plan walks an index in its order and stops when the page is full. A planner that knows the tables badly
-- would rather fetch all of a user's history as a bitmap and sort it, and plan anew at each call: forbid it that, whatever role calls.
DO $$
DECLARE
  entry regprocedure;
BEGIN
  FOR entry IN SELECT p.oid FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace AND p.proname LIKE 'api\_%' LOOP
    EXECUTE format('ALTER FUNCTION %s SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off '
                   'SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off SET jit = off', entry);
  END LOOP;
END $$;
