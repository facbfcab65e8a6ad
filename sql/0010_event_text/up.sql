-- Events are rendered in great numbers: once per burst for everybody who follows live, and for whoever catches up. A sub-select per event
-- and payload cost some 60 microseconds each, most of it spent on starting and ending a query; plain expressions give the same text for a
-- fraction.

-- A text as JSON, NULL as null.
CREATE FUNCTION json_text(value text) RETURNS text LANGUAGE sql STABLE RETURN coalesce(to_json(value)::text, 'null');

CREATE OR REPLACE FUNCTION orders_payload(o orders) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF o.kind = 1 THEN
    RETURN ('{"orderId":' || json_text(id_text(o.region, o.seq)) || ',"clientId":' || json_text(o.client_id)
      || ',"userId":' || json_text(o.user_id) || ',"market":"TULIP","side":' || json_text(side_text(o.side))
      || ',"quantity":' || coalesce(o.quantity::text, 'null') || ',"price":' || json_text(money_text(o.price_cents))
      || ',"timeInForce":' || json_text(time_in_force_text(o.time_in_force)) || ',"status":"PENDING","idempotencyKey":'
      || json_text(o.idempotency_key) || ',"simulationSeed":' || json_text(o.simulation_seed) || ',"possibleDuplicateOf":'
      || json_text(id_text(o.region, o.possible_duplicate_of)) || ',"createdAt":' || json_text(time_text(o.created_at)) || '}')::json;
  END IF;
  RETURN ('{"orderId":' || json_text(id_text(o.region, o.target_seq)) || ',"requestedAt":' || json_text(time_text(o.created_at)) || '}')::json;
END $$;

CREATE OR REPLACE FUNCTION trade_text(e executions) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN '{"tradeId":' || json_text(id_text(e.region, e.seq))
    || ',"buyOrder":' || json_text(CASE e.side WHEN 1 THEN id_text(e.region, e.order_seq) ELSE 'SIM' END)
    || ',"sellOrder":' || json_text(CASE e.side WHEN 2 THEN id_text(e.region, e.order_seq) ELSE 'SIM' END)
    || ',"quantity":' || e.quantity || ',"price":' || json_text(money_text(e.price_cents))
    || ',"timestamp":' || json_text(time_text(e.created_at)) || ',"region":' || json_text(e.region)
    || ',"fillAz":' || json_text(e.az) || ',"seq":' || e.seq || ',"flags":[]}';
END $$;

CREATE OR REPLACE FUNCTION executions_payload(e executions, o orders) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF e.type = 1 THEN
    RETURN (left(trade_text(e), -1) || ',"orderId":' || json_text(id_text(e.region, e.order_seq))
      || ',"side":' || json_text(side_text(e.side)) || '}')::json;
  END IF;
  RETURN ('{"orderId":' || json_text(id_text(e.region, e.order_seq)) || ',"status":' || json_text(status_text(e.type))
    || ',"side":' || json_text(side_text(e.side)) || ',"quantity":' || coalesce(o.quantity::text, 'null')
    || ',"price":' || json_text(money_text(o.price_cents)) || ',"filledQuantity":' || e.quantity
    || ',"avgFillPrice":' || json_text(CASE WHEN e.quantity > 0 THEN money_text(e.price_cents) END)
    || ',"acceptedAz":' || json_text(CASE e.type WHEN 2 THEN e.az END)
    || ',"acceptedAt":' || json_text(CASE e.type WHEN 2 THEN time_text(e.created_at) END)
    || ',"cancelledAt":' || json_text(CASE e.type WHEN 3 THEN time_text(e.created_at) END)
    || ',"processingMs":' || coalesce(milliseconds_between(o.created_at, e.created_at)::text, 'null') || '}')::json;
END $$;

CREATE OR REPLACE FUNCTION ledger_entry_text(l ledger) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN '{"entryId":' || json_text(id_text(l.region, l.seq)) || ',"orderId":' || json_text(id_text(l.region, l.order_seq))
    || ',"side":' || json_text(side_text(l.side)) || ',"quantity":' || coalesce(l.quantity::text, 'null')
    || ',"price":' || json_text(money_text(l.price_cents)) || ',"delta":' || json_text(money_text(l.delta_cents))
    || ',"reason":' || json_text(reason_text(l.reason)) || ',"resultingBalance":' || json_text(money_text(l.resulting_cents))
    || ',"createdAt":' || json_text(time_text(l.created_at)) || '}';
END $$;

CREATE OR REPLACE FUNCTION ledger_payload(l ledger) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (left(ledger_entry_text(l), -1) || ',"currentBalance":' || json_text(money_text(l.resulting_cents))
    || ',"currency":"fl","version":' || l.version || '}')::json;
END $$;

CREATE OR REPLACE FUNCTION event_items(a_stream text, a_region text, a_seqs bigint[], a_after bigint) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT coalesce(string_agg(
             '{"stream":"' || a_stream || '","seq":' || e.seq || ',"prevSeq":' || e.prev_seq
             || ',"eventId":' || json_text('EVT#' || e.ts || '#' || a_region || '.' || left(a_stream, 3) || '.' || e.seq)
             || ',"type":' || json_text(event_name(a_stream, e.type)) || ',"region":' || json_text(a_region) || ',"ts":"' || e.ts
             || '","orderId":' || json_text(id_text(a_region, e.order_seq)) || ',"userId":' || json_text(e.user_id)
             || ',"traceId":' || json_text(trace_text(e.trace_id)) || ',"payload":' || coalesce(e.payload::text, 'null') || '}',
             ',' ORDER BY e.seq), '')
      FROM (SELECT r.*, time_text(r.at) AS ts, lag(r.seq, 1, a_after) OVER (ORDER BY r.seq) AS prev_seq
              FROM event_rows(a_stream, a_region, a_seqs) r OFFSET 0) e);
END $$;
