-- A page of fifty orders took 13 ms, nearly all of it to start and end a sub-select of thirty columns for each. A text that is one expression
-- over a row variable becomes part of the page's own query, which is started once; see 0010_event_text.

CREATE TYPE order_persona_shown AS ("userId" text, "displayName" text, "avatarUrl" text, bio text);

CREATE TYPE order_shown AS (
  "orderId" text, "clientId" text, "userId" text, persona json, market text, side text, quantity integer, "filledQuantity" bigint, price text,
  "avgFillPrice" text, "timeInForce" text, status text, "statusLabel" text, "pendingReason" text, region text, "acceptedAz" text, seq bigint,
  "idempotencyKey" text, "simulationSeed" text, "possibleDuplicateOf" text, "createdAt" text, "acceptedAt" text, "cancelledAt" text,
  "processingMs" bigint, "traceId" text, "balanceSnapshot" json, warnings json);

-- The JSON object `shown`, with members ("name":value, …) at its end. extra NULL: none.
CREATE FUNCTION object_text(shown text, extra text) RETURNS text LANGUAGE sql IMMUTABLE RETURN left(shown, -1) || coalesce(extra, '') || '}';

-- As in 0007_api. Here and below: plain expressions, which the planner puts in place of the call.
CREATE OR REPLACE FUNCTION order_persona(o order_rows) RETURNS json LANGUAGE sql STABLE
RETURN object_text(row_to_json(ROW(o.user_id, coalesce(o.display_name, o.user_id), o.avatar_url, coalesce(o.bio, ''))::order_persona_shown)::text,
  CASE WHEN o.persona_deleted THEN ',"deleted":true' END)::json;

-- As in 0007_api. Call it with a row that is a variable (FROM (SELECT o FROM order_rows o … OFFSET 0) page): with the view's own row, which is
-- thirty expressions, it is called as a function.
CREATE OR REPLACE FUNCTION order_text(o order_rows, balance_snapshot json) RETURNS text LANGUAGE sql STABLE
RETURN object_text(
  row_to_json(ROW(
    id_text(o.region, o.seq), o.client_id, o.user_id, order_persona(o), 'TULIP', side_text(o.side), o.quantity, o.filled,
    money_text(o.price_cents), money_text(o.average_cents), time_in_force_text(o.time_in_force), status_text(o.final_type),
    CASE o.final_type WHEN 2 THEN 'Accepted' WHEN 3 THEN 'Cancelled' WHEN 4 THEN 'Rejected' ELSE 'Awaiting simulated fill' END,
    CASE WHEN o.final_type IS NULL THEN 'AWAITING_FILL' END, o.region, CASE WHEN o.final_type = 2 THEN o.az END, o.seq, o.idempotency_key,
    o.simulation_seed, id_text(o.region, o.possible_duplicate_of), time_text(o.created_at),
    CASE WHEN o.final_type = 2 THEN time_text(o.final_at) END, CASE WHEN o.final_type = 3 THEN time_text(o.final_at) END,
    milliseconds_between(o.created_at, o.final_at), trace_text(o.trace_id), balance_snapshot, '[]'::json)::order_shown)::text,
  CASE WHEN o.key_generated THEN ',"idempotencyKeyGenerated":true' END);

-- As in 0007_api.
CREATE OR REPLACE FUNCTION api_orders(a_region text, a_user text, a_status integer, a_side integer, a_client text, a_before bigint, a_limit integer,
                                      OUT status integer, OUT body text) LANGUAGE plpgsql STABLE AS $$
DECLARE
  page record;
BEGIN
  page := order_page(a_region, a_user, a_status, a_side, a_client, a_before, a_limit);
  status := 200;
  SELECT list_text(string_agg(order_text(p.o, NULL), ',' ORDER BY (p.o).seq DESC), cursor_text('o1', page.next_seq::text))
    INTO body FROM (SELECT o FROM order_rows o WHERE o.region = a_region AND o.seq = ANY (page.seqs) OFFSET 0) p;
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
