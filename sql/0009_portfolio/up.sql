-- The third part of what the gateway reads (see 0007_api): what a persona owns and what it is worth, the trades of each minute, the last
-- minutes' orders, and the way of one order through the actors. None of it grows with history.

-- GET /api/traces/{traceId}. Trace ids that the gateway makes rise with time, so new entries go to one end of the index; those of
-- callers are spread (docs/decisions/0012-traces-from-rows.md has what that costs).
CREATE INDEX orders_by_trace ON orders (trace_id) WHERE kind = 1;

-- --------------------------------------------------------------------------------------------------------- portfolio, market, candles

-- The price of the last trade; NULL before the first.
CREATE FUNCTION last_price_cents(a_region text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT close_cents FROM candles WHERE region = a_region ORDER BY start_at DESC LIMIT 1);
END $$;

-- The cash's part of cash + holdings in per cent, two decimals; positions have the rest, so both add up to 100.00. What is owed (cash or
-- holdings below zero) counts with its size, so each part is between 0 and 100 whatever the total; nothing at all counts as cash.
CREATE FUNCTION cash_share(cash numeric, holdings numeric) RETURNS numeric LANGUAGE sql IMMUTABLE
RETURN coalesce(round(100 * abs(cash) / nullif(abs(cash) + abs(holdings), 0), 2), 100.00);

-- GET /api/portfolio/{userId}. A position sold short has a negative quantity and market value; its avgPrice is what the sales brought.
CREATE FUNCTION api_portfolio(a_region text, a_user text, OUT status integer, OUT body text) LANGUAGE plpgsql STABLE AS $$
DECLARE
  cash     bigint := coalesce((SELECT balance_cents FROM balances WHERE region = a_region AND account = a_user), 0);
  held     positions%ROWTYPE;
  price    bigint := last_price_cents(a_region);
  holdings numeric;
BEGIN
  status := CASE WHEN EXISTS (SELECT FROM personas WHERE user_id = a_user) THEN 200 ELSE 404 END;
  IF status <> 200 THEN
    RETURN;
  END IF;
  SELECT * INTO held FROM positions p WHERE p.region = a_region AND p.account = a_user AND p.quantity <> 0;
  holdings := coalesce(held.quantity::numeric * price, 0);
  SELECT row_to_json(t)::text INTO body FROM (
    SELECT a_user AS "userId", money_text(cash) AS "cashBalance", money_text(holdings) AS "holdingsValue",
           money_text(cash + holdings) AS "totalValue", 'fl' AS currency,
           CASE WHEN held.quantity IS NULL THEN '[]'::json ELSE
             (SELECT json_agg(p) FROM (
               SELECT 'TULIP' AS market, held.quantity AS quantity,
                      money_text(average_cents(abs(held.cost_cents), abs(held.quantity))) AS "avgPrice", money_text(price) AS "lastPrice",
                      money_text(holdings) AS "marketValue", money_text(holdings - held.cost_cents) AS "unrealizedPnl") p) END AS positions,
           (SELECT row_to_json(s) FROM (
             SELECT cash_share(cash, holdings) AS "cashPct", 100.00 - cash_share(cash, holdings) AS "positionsPct") s) AS allocation) t;
END $$;

-- GET /api/market
CREATE OR REPLACE FUNCTION api_market(a_region text, OUT status integer, OUT body text) LANGUAGE plpgsql STABLE AS $$
BEGIN
  status := 200;
  SELECT row_to_json(t)::text INTO body FROM (
    SELECT 'TULIP' AS market, 'fl' AS currency, '0.01' AS "tickSize", money_text(last_price_cents(a_region)) AS "lastPrice",
           'SIMFILL' AS mode) t;
END $$;

-- GET /api/candles?interval&limit: the newest candles of a_minutes minutes in which there were trades, newest first. Reads a_limit *
-- a_minutes rows at most (and what completes the last one).
CREATE FUNCTION api_candles(a_region text, a_interval text, a_minutes integer, a_limit integer, OUT status integer, OUT body text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  items text;
BEGIN
  status := 200;
  SELECT string_agg((SELECT row_to_json(t)::text FROM (
           SELECT time_text(c.start_at) AS start, money_text(c.open) AS open, money_text(c.high) AS high, money_text(c.low) AS low,
                  money_text(c.close) AS close, c.volume AS volume, c.trades AS trades,
                  money_text(round(c.notional / c.volume)) AS "avgPrice") t), ',' ORDER BY c.start_at DESC)
    INTO items
    FROM (SELECT date_bin(a_minutes * interval '1 minute', m.start_at, 'epoch') AS start_at,
                 (array_agg(m.open_cents ORDER BY m.start_at))[1] AS open, max(m.high_cents) AS high, min(m.low_cents) AS low,
                 (array_agg(m.close_cents ORDER BY m.start_at DESC))[1] AS close, sum(m.quantity) AS volume, sum(m.trades) AS trades,
                 sum(m.notional_cents) AS notional
            FROM (SELECT * FROM candles WHERE region = a_region ORDER BY start_at DESC LIMIT (a_limit + 1) * a_minutes) m
           GROUP BY 1 ORDER BY 1 DESC LIMIT a_limit) c;
  body := '{"market":"TULIP","interval":"' || a_interval || '","items":[' || coalesce(items, '') || '],"nextCursor":null}';
END $$;

-- What the gateway's pulse begins with: the orders up to a_until (a seq) that came after a_since, by second. body: lines of numbers:
-- second, buys, sells, sum of their prices in cents. Looks at scan_budget() orders.
CREATE FUNCTION api_pulse_history(a_region text, a_until bigint, a_since timestamptz, OUT status integer, OUT body text)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  status := 200;
  SELECT coalesce(string_agg(concat_ws(' ', s.second, s.buys, s.sells, s.price_sum), E'\n' ORDER BY s.second), '') INTO body FROM (
    SELECT floor(extract(epoch FROM o.created_at))::bigint AS second, count(*) FILTER (WHERE o.side = 1) AS buys,
           count(*) FILTER (WHERE o.side = 2) AS sells, sum(o.price_cents)::bigint AS price_sum
      FROM orders o
     WHERE o.region = a_region AND o.seq <= a_until AND o.seq > a_until - scan_budget() AND o.kind = 1 AND o.created_at >= a_since
     GROUP BY 1) s;
END $$;

-- GET /api/metrics/pulse: what only the store knows of it. body: how many dead letters there are, and the last price if there is one.
CREATE FUNCTION api_pulse(a_region text, OUT status integer, OUT body text) LANGUAGE plpgsql STABLE AS $$
BEGIN
  status := 200;
  body := concat_ws(' ', (SELECT count(*) FROM (SELECT FROM dead_letters WHERE region = a_region AND state IN (1, 2) AND state = 2
                                                 LIMIT scan_budget()) d), money_text(last_price_cents(a_region)));
END $$;

-- ------------------------------------------------------------------------------------------------------------------------- traces

CREATE FUNCTION span_id(a_trace uuid, a_order bigint, a_name text) RETURNS text LANGUAGE sql IMMUTABLE
RETURN left(md5(a_trace || '/' || a_order || '/' || a_name), 16);

-- a_end NULL: not over yet.
CREATE FUNCTION span_text(a_trace uuid, a_order bigint, a_parent text, a_actor text, a_name text, a_start timestamptz, a_end timestamptz,
                          a_attributes json) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT row_to_json(t)::text FROM (
      SELECT span_id(a_trace, a_order, a_name) AS "spanId", CASE WHEN a_parent IS NOT NULL THEN span_id(a_trace, a_order, a_parent) END
               AS "parentSpanId",
             a_actor AS actor, a_name AS name, time_text(a_start) AS "startedAt",
             CASE WHEN a_end < a_start THEN 0 ELSE round(extract(epoch FROM a_end - a_start) * 1000, 3) END AS "durationMs",
             a_attributes AS attributes) t);
END $$;

-- The spans of one order, from the times its rows were written with: each is the time of the batch it was in.
CREATE FUNCTION order_spans(o orders) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
  final   executions%ROWTYPE;
  entry   ledger%ROWTYPE;
  cancel  orders%ROWTYPE;
  failure balance_events%ROWTYPE;
  fills   record;
  spans   text[] := '{}';
BEGIN
  SELECT * INTO final FROM executions f WHERE f.region = o.region AND f.order_seq = o.seq AND f.leg = 0;
  SELECT * INTO cancel FROM orders c
   WHERE c.region = o.region AND c.client_id = '@cancel' AND c.idempotency_key = 'cancel:' || o.seq AND c.kind = 2;
  SELECT count(*) AS trades, coalesce(sum(e.quantity), 0) AS quantity, min(e.created_at) AS first_at INTO fills
    FROM executions e WHERE e.region = o.region AND e.order_seq = o.seq AND e.leg > 0;
  SELECT * INTO entry FROM ledger l
   WHERE l.region = o.region AND l.order_seq = o.seq AND l.owner = o.user_id AND l.account = o.user_id AND l.reason = 2;
  spans := spans || span_text(o.trace_id, o.seq, NULL, 'gateway', 'order', o.created_at,
    CASE WHEN final.type = 2 THEN entry.created_at ELSE final.created_at END,
    json_build_object('orderId', id_text(o.region, o.seq), 'userId', o.user_id, 'clientId', o.client_id, 'status', status_text(final.type)));
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

-- GET /api/traces/{traceId}: the spans of the orders that were placed under it, at most twenty; orderId is the first's.
CREATE FUNCTION api_trace(a_region text, a_trace uuid, OUT status integer, OUT body text) LANGUAGE plpgsql STABLE AS $$
DECLARE
  seqs  bigint[] := ARRAY(SELECT t.seq FROM (SELECT seq FROM orders WHERE region = a_region AND trace_id = a_trace AND kind = 1 LIMIT 20) t
                           ORDER BY t.seq);
BEGIN
  status := CASE WHEN cardinality(seqs) > 0 THEN 200 ELSE 404 END;
  IF status = 200 THEN
    SELECT '{"traceId":"' || trace_text(a_trace) || '","orderId":"' || id_text(a_region, seqs[1]) || '","orderIds":'
           || json_agg(id_text(a_region, o.seq) ORDER BY o.seq) || ',"spans":['
           || string_agg(array_to_string(order_spans(o), ','), ',' ORDER BY o.seq) || ']}'
      INTO body FROM orders o WHERE o.region = a_region AND o.seq = ANY (seqs);
  END IF;
END $$;

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
