-- The spans of orders, in pages for a collector of traces: the same that GET /api/traces/{traceId} shows, read from the same rows.

-- Effect: a first call notes the present head as where the export begins (cursor otlp). Result: the spans of at most a_limit settled orders
-- after the cursor whose trace id is at or above a_threshold (its last 56 bits, W3C), by order; then one row without an actor: upto, where the
-- cursor goes once they were delivered, and how many orders were passed over: those beyond a_backlog behind the head, and chosen ones without
-- an end after ten seconds. An order that is younger and not settled is waited for. attributes: members of OTLP's JSON array.
CREATE FUNCTION reconciler_spans(a_region text, a_threshold bigint, a_limit integer, a_rows integer, a_backlog bigint, a_now timestamptz)
RETURNS TABLE (trace_id uuid, actor text, span_id text, parent_span_id text, name text, start_us bigint, end_us bigint, attributes text, error text,
  upto bigint, passed_over bigint, behind bigint)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
  head  bigint := (SELECT h.next_seq - 1 FROM stream_heads h WHERE h.region = a_region AND h.stream = 'orders');
  at    bigint := (SELECT c.position FROM cursors c WHERE c.region = a_region AND c.consumer = 'otlp' AND c.stream = 'orders');
  o     orders;
  final boolean;
  found integer := 0;
  last  bigint;
  lost  bigint;
BEGIN
  IF at IS NULL THEN
    INSERT INTO cursors (region, consumer, stream, position) VALUES (a_region, 'otlp', 'orders', head) ON CONFLICT DO NOTHING;
    at := head;
  END IF;
  lost := greatest(0, head - a_backlog - at);
  at := at + lost;
  last := least(head, at + a_rows);
  FOR o IN SELECT r.* FROM orders r WHERE r.region = a_region AND r.seq > at AND r.seq <= last AND r.kind = 1
      AND ('x' || right(replace(r.trace_id::text, '-', ''), 14))::bit(56)::bigint >= a_threshold ORDER BY r.seq LIMIT a_limit LOOP
    final := (SELECT e.type <> 2 OR (SELECT true FROM ledger l WHERE l.region = a_region AND l.order_seq = o.seq AND l.owner = o.user_id
        AND l.account = o.user_id AND l.reason = 2) IS NOT NULL
      FROM executions e WHERE e.region = a_region AND e.order_seq = o.seq AND e.leg = 0); -- NULL: no final record, false: not settled
    IF final IS NOT TRUE AND o.created_at > a_now - interval '10 s' THEN
      last := o.seq - 1;
      EXIT;
    END IF;
    found := found + 1;
    IF final IS NULL THEN
      lost := lost + 1;
    ELSE
      RETURN QUERY
        SELECT o.trace_id, t.span->>'actor', t.span->>'spanId', t.span->>'parentSpanId', t.span->>'name', t.start_us,
          t.start_us + round((t.span->>'durationMs')::numeric * 1000)::bigint, span_attributes(t.span->'attributes'), t.span->'attributes'->>'error',
          NULL::bigint, NULL::bigint, NULL::bigint
        FROM (SELECT s.span::json AS span, s.n, (extract(epoch FROM (s.span::json->>'startedAt')::timestamptz) * 1000000)::bigint AS start_us
              FROM unnest(order_spans(o)) WITH ORDINALITY AS s (span, n)) t
        WHERE t.span->>'durationMs' IS NOT NULL ORDER BY t.n;
    END IF;
    IF found = a_limit THEN
      last := o.seq;
    END IF;
  END LOOP;
  RETURN QUERY SELECT NULL::uuid, NULL::text, NULL::text, NULL::text, NULL::text, NULL::bigint, NULL::bigint, NULL::text, NULL::text, last, lost,
    head - last;
END $$;

-- The members of OTLP's JSON array of attributes: {"key","value":{"stringValue"|"intValue"|"doubleValue"|"boolValue"}}; nulls are left out.
CREATE FUNCTION span_attributes(a_attributes json) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(string_agg('{"key":' || to_json('tulip.' || a.key) || ',"value":{' || CASE json_typeof(a.value)
      WHEN 'number' THEN CASE WHEN a.value::text ~ '^-?[0-9]+$' THEN '"intValue":"' || a.value || '"' ELSE '"doubleValue":' || a.value END
      WHEN 'boolean' THEN '"boolValue":' || a.value
      WHEN 'string' THEN '"stringValue":' || a.value
      ELSE '"stringValue":' || to_json(a.value::text) END || '}}', ',' ORDER BY a.n), '')
  FROM json_each(a_attributes) WITH ORDINALITY AS a (key, value, n) WHERE json_typeof(a.value) <> 'null'
$$;

-- Effect: what lies up to a_upto was delivered, or given up: it is not asked for again.
CREATE FUNCTION reconciler_spans_done(a_region text, a_upto bigint) RETURNS void LANGUAGE sql AS $$
  UPDATE cursors SET position = a_upto WHERE region = a_region AND consumer = 'otlp' AND stream = 'orders' AND position < a_upto
$$;
