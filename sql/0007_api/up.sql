-- What the gateway reads: functions that return finished JSON text (docs/api.md), so that one place knows each representation.
--
-- * All are STABLE: however many statements a function runs, they see one snapshot, that of the calling statement.
-- * First the keys are picked by the index that fits the filters, then they are rendered. No plan depends on the length of history;
--   where a filter has no index, a bounded number of rows is looked at and the answer's cursor goes on from there.
-- * `api_…` are the entry points; status is the HTTP status, body is NULL unless it is 200.

-- Cancelled and rejected orders are few among many: their own index costs the ordinary fill nothing.
CREATE INDEX executions_unfilled ON executions (region, type, order_seq) WHERE type IN (3, 4);
-- Failures are few: found by order and by persona.
CREATE INDEX balance_events_by_order ON balance_events (region, order_seq, seq);
CREATE INDEX balance_events_by_user ON balance_events (region, user_id, seq);

-- ---------------------------------------------------------------------------------------------------------------- small helpers

-- How many rows one answer may look at: in the order in which they were written, and one here, one there (each may cost a disk read).
CREATE FUNCTION scan_budget() RETURNS bigint LANGUAGE sql IMMUTABLE RETURN 20000;
CREATE FUNCTION scattered_budget() RETURNS bigint LANGUAGE sql IMMUTABLE RETURN 2000;

-- 12420 -> '124.20'
CREATE FUNCTION money_text(cents numeric) RETURNS text LANGUAGE sql IMMUTABLE RETURN (cents * 0.01)::text;

-- RFC 3339, UTC, milliseconds (cut, not rounded, as common/clock.c does).
CREATE FUNCTION time_text(at timestamptz) RETURNS text LANGUAGE sql STABLE
RETURN to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

-- 'nl-1.1842'; NULL for 0 and NULL.
CREATE FUNCTION id_text(region text, seq bigint) RETURNS text LANGUAGE sql IMMUTABLE RETURN region || '.' || nullif(seq, 0);

CREATE FUNCTION trace_text(trace uuid) RETURNS text LANGUAGE sql IMMUTABLE RETURN replace(trace::text, '-', '');

-- An opaque cursor: base64url of '<list>:<key>' (actors/gateway/cursor.c reads it).
CREATE FUNCTION cursor_text(list text, key text) RETURNS text LANGUAGE sql IMMUTABLE
RETURN rtrim(translate(encode(convert_to(list || ':' || key, 'UTF8'), 'base64'), E'+/\n', '-_'), '=');

-- total / quantity rounded half to even, as money_average() does; NULL for quantity 0.
CREATE FUNCTION average_cents(total bigint, quantity bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
RETURN total / nullif(quantity, 0) + CASE sign(2 * (total % nullif(quantity, 0)) - quantity)
  WHEN 1 THEN 1 WHEN 0 THEN total / nullif(quantity, 0) % 2 ELSE 0 END;

CREATE FUNCTION side_text(side smallint) RETURNS text LANGUAGE sql IMMUTABLE RETURN CASE side WHEN 1 THEN 'BUY' WHEN 2 THEN 'SELL' END;

CREATE FUNCTION milliseconds_between(earlier timestamptz, later timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE
RETURN CASE WHEN later < earlier THEN 0 ELSE trunc(extract(epoch FROM later - earlier) * 1000) END::bigint;

-- {"items":[…],"nextCursor":…}
CREATE FUNCTION list_text(items text, next_cursor text) RETURNS text LANGUAGE sql IMMUTABLE
RETURN '{"items":[' || coalesce(items, '') || '],"nextCursor":' || coalesce('"' || next_cursor || '"', 'null') || '}';

-- How far a consumer has come, and the last seq of a stream.
CREATE FUNCTION cursor_position(a_region text, a_consumer text, a_stream text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT position FROM cursors WHERE region = a_region AND consumer = a_consumer AND stream = a_stream);
END $$;
CREATE FUNCTION last_seq(a_region text, a_stream text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT next_seq - 1 FROM stream_heads WHERE region = a_region AND stream = a_stream);
END $$;

-- ---------------------------------------------------------------------------------------------------------------------- balances

-- Cash that will still move: open orders in full, settled orders whose adjustment waits in the outbox or was put aside. In one
-- snapshot every order counts exactly once, whichever of these it is in.
CREATE FUNCTION pending_cents(a_region text, a_user text) RETURNS numeric LANGUAGE plpgsql STABLE AS $$
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
      FROM parked_orders p JOIN orders o ON o.region = p.region AND o.seq = p.order_seq
     WHERE p.region = a_region AND p.order_seq <= filled_to AND o.user_id = a_user
       AND NOT EXISTS (SELECT FROM executions f WHERE f.region = a_region AND f.order_seq = o.seq AND f.leg = 0)
    UNION ALL
    SELECT x.delta_cents FROM outbox x WHERE x.region = a_region AND x.seq > settled_to AND x.user_id = a_user
    UNION ALL
    SELECT x.delta_cents
      FROM dead_letters d JOIN outbox x ON x.region = d.region AND x.seq = d.outbox_seq
     WHERE d.region = a_region AND d.state IN (1, 2) AND d.outbox_seq <= settled_to AND x.user_id = a_user) pending;
  RETURN total;
END $$;

-- The part of an answer about an order that says how its persona's cash stands.
CREATE FUNCTION balance_snapshot(a_region text, a_user text) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT row_to_json(t) FROM (
      SELECT a_user AS "userId", money_text(coalesce(b.balance_cents, 0)) AS "currentBalance", 'fl' AS currency,
             money_text(pending_cents(a_region, a_user)) AS "pendingDelta", time_text(b.updated_at) AS "updatedAt"
        FROM (SELECT) one LEFT JOIN balances b ON b.region = a_region AND b.account = a_user) t);
END $$;

CREATE FUNCTION reason_text(reason smallint) RETURNS text LANGUAGE sql IMMUTABLE
RETURN CASE reason WHEN 1 THEN 'OPENING_BALANCE' WHEN 2 THEN 'ORDER_FILL' WHEN 3 THEN 'COMPENSATION' WHEN 4 THEN 'ADJUSTMENT' END;

CREATE FUNCTION ledger_entry_text(l ledger) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT row_to_json(t)::text FROM (
      SELECT id_text(l.region, l.seq) AS "entryId", id_text(l.region, l.order_seq) AS "orderId", side_text(l.side) AS side,
             l.quantity AS quantity, money_text(l.price_cents) AS price, money_text(l.delta_cents) AS delta,
             reason_text(l.reason) AS reason, money_text(l.resulting_cents) AS "resultingBalance",
             time_text(l.created_at) AS "createdAt") t);
END $$;

-- A page picked as limit + 1 keys: the cursor of what follows its first `limit`, NULL at the end.
CREATE FUNCTION next_cursor(list text, seqs bigint[], page_limit integer) RETURNS text LANGUAGE sql IMMUTABLE
RETURN CASE WHEN cardinality(seqs) > page_limit THEN cursor_text(list, seqs[page_limit]::text) END;

-- The newest seqs of an account's entries below a_before. Written as a range of (account, seq), here and below: of two indexes that give
-- the order asked for, the planner would else take that of all accounts, and read it to its end for an account that has few entries.
CREATE FUNCTION ledger_page(a_region text, a_account text, a_before bigint, a_count integer) RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT ARRAY(SELECT seq FROM ledger WHERE region = a_region AND (account, seq) < (a_account, a_before) AND account >= a_account
                  ORDER BY account DESC, seq DESC LIMIT a_count));
END $$;

CREATE FUNCTION ledger_items(a_region text, a_account text, a_seqs bigint[]) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT coalesce(string_agg(ledger_entry_text(l), ',' ORDER BY l.seq DESC), '')
      FROM ledger l WHERE l.region = a_region AND l.account = a_account AND l.seq = ANY (a_seqs));
END $$;

-- The last seq of the balances stream at a moment, by bisection: seq is dense and its writer's clock does not go back.
CREATE FUNCTION ledger_seq_at(a_region text, a_at timestamptz) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
  low      bigint := 0;
  high     bigint := last_seq(a_region, 'balances');
  middle   bigint;
  entry_at timestamptz;
BEGIN
  WHILE low < high LOOP
    middle := (low + high + 1) / 2;
    SELECT created_at INTO entry_at FROM ledger WHERE region = a_region AND seq <= middle ORDER BY seq DESC LIMIT 1;
    IF entry_at IS NULL OR entry_at <= a_at THEN
      low := middle;
    ELSE
      high := middle - 1;
    END IF;
  END LOOP;
  RETURN low;
END $$;

-- An account now (a_until NULL), or as the entry a_until left it: pendingDelta is known only now.
CREATE FUNCTION balance_text(a_region text, a_account text, a_until bigint) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
  b      balances%ROWTYPE;
  entry  ledger%ROWTYPE;
  answer text;
BEGIN
  IF a_until IS NULL THEN
    SELECT * INTO b FROM balances WHERE region = a_region AND account = a_account;
  ELSE
    SELECT * INTO entry FROM ledger WHERE region = a_region AND (account, seq) <= (a_account, a_until) AND account >= a_account
     ORDER BY account DESC, seq DESC LIMIT 1;
    b.balance_cents := entry.resulting_cents;
    b.version := entry.version;
    b.updated_at := entry.created_at;
    b.last_order_seq := (SELECT order_seq FROM ledger
                          WHERE region = a_region AND (account, seq) <= (a_account, a_until) AND account >= a_account AND order_seq > 0
                          ORDER BY account DESC, seq DESC LIMIT 1);
  END IF;
  SELECT row_to_json(t)::text INTO answer FROM (
    SELECT a_account AS "userId", money_text(coalesce(b.balance_cents, 0)) AS "currentBalance", 'fl' AS currency,
           time_text(b.updated_at) AS "updatedAt", id_text(a_region, b.last_order_seq) AS "lastOrderId",
           coalesce(b.version, 0) AS version,
           CASE WHEN a_until IS NULL THEN money_text(pending_cents(a_region, a_account)) END AS "pendingDelta") t;
  RETURN answer;
END $$;

-- Whether an account exists: a persona's (a removed one keeps its money), or the counter-account.
CREATE FUNCTION account_exists(a_account text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT a_account = '@market' OR EXISTS (SELECT FROM personas WHERE user_id = a_account));
END $$;

-- GET /api/balances/{userId}?limit&asOf
CREATE FUNCTION api_balance(a_region text, a_user text, a_limit integer, a_at timestamptz, OUT status integer, OUT body text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  until bigint := CASE WHEN a_at IS NOT NULL THEN ledger_seq_at(a_region, a_at) END;
BEGIN
  status := CASE WHEN account_exists(a_user) THEN 200 ELSE 404 END;
  IF status = 200 THEN
    body := left(balance_text(a_region, a_user, until), -1) || ',"ledger":['
      || ledger_items(a_region, a_user, ledger_page(a_region, a_user, coalesce(until + 1, 9223372036854775807), a_limit)) || ']}';
  END IF;
END $$;

-- GET /api/balances/{userId}/ledger?limit&cursor&asOf
CREATE FUNCTION api_ledger(a_region text, a_user text, a_before bigint, a_limit integer, a_at timestamptz, OUT status integer, OUT body text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  seqs bigint[];
BEGIN
  status := CASE WHEN account_exists(a_user) THEN 200 ELSE 404 END;
  IF status = 200 THEN
    seqs := ledger_page(a_region, a_user, CASE WHEN a_at IS NULL THEN a_before ELSE least(a_before, ledger_seq_at(a_region, a_at) + 1) END,
                        a_limit + 1);
    body := list_text(ledger_items(a_region, a_user, seqs[:a_limit]), next_cursor('l1', seqs, a_limit));
  END IF;
END $$;

-- GET /api/balances?limit&cursor&asOf, by userId; removed personas too, for their money is still there. `market` is the
-- counter-account: with it the sum is zero.
CREATE FUNCTION api_balances(a_region text, a_after text, a_limit integer, a_at timestamptz, OUT status integer, OUT body text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  until bigint := CASE WHEN a_at IS NOT NULL THEN ledger_seq_at(a_region, a_at) END;
  users text[] := ARRAY(SELECT user_id FROM personas WHERE user_id > a_after ORDER BY user_id LIMIT a_limit + 1);
BEGIN
  status := 200;
  SELECT left(list_text(string_agg(balance_text(a_region, u, until), ',' ORDER BY place),
                        CASE WHEN cardinality(users) > a_limit THEN cursor_text('b1', users[a_limit]) END), -1)
         || ',"market":' || balance_text(a_region, '@market', until) || '}'
    INTO body FROM unnest(users[:a_limit]) WITH ORDINALITY AS page (u, place);
END $$;

-- ---------------------------------------------------------------------------------------------------------------------- personas

CREATE FUNCTION persona_text(p personas) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT row_to_json(t)::text FROM (
      SELECT p.user_id AS "userId", p.display_name AS "displayName", p.avatar_url AS "avatarUrl", p.bio AS bio, p.seed AS seed,
             time_text(p.created_at) AS "createdAt", time_text(p.updated_at) AS "updatedAt") t);
END $$;

-- GET /api/personas, by displayName. All of them unless a limit is given; a_after is the userId the last page ended with.
CREATE FUNCTION api_personas(a_after text, a_limit integer, OUT status integer, OUT body text) LANGUAGE plpgsql STABLE AS $$
DECLARE
  page_limit integer := coalesce(a_limit, 2147483646);
  after_name text := (SELECT display_name FROM personas WHERE user_id = a_after);
  users      text[] := ARRAY(SELECT user_id FROM personas
                              WHERE NOT deleted AND (a_after IS NULL OR (display_name, user_id) > (after_name, a_after))
                              ORDER BY display_name, user_id LIMIT page_limit + 1);
BEGIN
  status := 200;
  SELECT list_text(string_agg(persona_text(p), ',' ORDER BY p.display_name, p.user_id),
                   CASE WHEN cardinality(users) > page_limit THEN cursor_text('p1', users[page_limit]) END)
    INTO body FROM personas p WHERE p.user_id = ANY (users[:page_limit]);
END $$;

-- GET /api/personas/{userId}
CREATE FUNCTION api_persona(a_user text, OUT status integer, OUT body text) LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN p.user_id IS NULL THEN 404 ELSE 200 END, CASE WHEN p.user_id IS NOT NULL THEN persona_text(p) END
    FROM (SELECT) one LEFT JOIN personas p ON p.user_id = a_user AND NOT p.deleted
$$;

-- ------------------------------------------------------------------------------------------------------------- orders and trades

CREATE FUNCTION status_text(final_type smallint) RETURNS text LANGUAGE sql IMMUTABLE
RETURN CASE final_type WHEN 2 THEN 'ACCEPTED' WHEN 3 THEN 'CANCELLED' WHEN 4 THEN 'REJECTED' ELSE 'PENDING' END;

CREATE FUNCTION time_in_force_text(value smallint) RETURNS text LANGUAGE sql IMMUTABLE
RETURN CASE value WHEN 1 THEN 'GTC' WHEN 2 THEN 'IOC' WHEN 3 THEN 'FOK' END;

-- Every order with what has become of it: its final record, or the fills so far, and its persona as it is now.
CREATE VIEW order_rows AS
SELECT o.region, o.seq, o.client_id, o.user_id, o.side, o.quantity, o.price_cents, o.time_in_force, o.idempotency_key, o.key_generated,
       o.simulation_seed, o.possible_duplicate_of, o.created_at, o.trace_id,
       f.type AS final_type, f.created_at AS final_at, f.az,
       coalesce(f.quantity, t.quantity, 0) AS filled,
       CASE WHEN f.seq IS NULL THEN average_cents(t.notional, t.quantity) WHEN f.quantity > 0 THEN f.price_cents END AS average_cents,
       p.display_name, p.avatar_url, p.bio, coalesce(p.deleted, true) AS persona_deleted
  FROM orders o
  LEFT JOIN executions f ON f.region = o.region AND f.order_seq = o.seq AND f.leg = 0
  LEFT JOIN LATERAL (SELECT sum(quantity)::bigint AS quantity, sum(notional_cents)::bigint AS notional
                       FROM executions WHERE region = o.region AND order_seq = o.seq AND leg > 0) t ON f.seq IS NULL
  LEFT JOIN personas p ON p.user_id = o.user_id
 WHERE o.kind = 1;

CREATE FUNCTION order_persona(o order_rows) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT (left(row_to_json(t)::text, -1) || CASE WHEN o.persona_deleted THEN ',"deleted":true}' ELSE '}' END)::json FROM (
      SELECT o.user_id AS "userId", coalesce(o.display_name, o.user_id) AS "displayName", o.avatar_url AS "avatarUrl",
             coalesce(o.bio, '') AS bio) t);
END $$;

-- The order as POST answers it (actors/gateway writes the same object there without a query).
CREATE FUNCTION order_text(o order_rows, balance_snapshot json) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT CASE WHEN o.key_generated THEN left(row_to_json(t)::text, -1) || ',"idempotencyKeyGenerated":true}' ELSE row_to_json(t)::text END
    FROM (
      SELECT id_text(o.region, o.seq) AS "orderId", o.client_id AS "clientId", o.user_id AS "userId", order_persona(o) AS persona,
             'TULIP' AS market, side_text(o.side) AS side, o.quantity AS quantity, o.filled AS "filledQuantity",
             money_text(o.price_cents) AS price, money_text(o.average_cents) AS "avgFillPrice",
             time_in_force_text(o.time_in_force) AS "timeInForce", status_text(o.final_type) AS status,
             CASE o.final_type WHEN 2 THEN 'Accepted' WHEN 3 THEN 'Cancelled' WHEN 4 THEN 'Rejected'
               ELSE 'Awaiting simulated fill' END AS "statusLabel",
             CASE WHEN o.final_type IS NULL THEN 'AWAITING_FILL' END AS "pendingReason",
             o.region AS region, CASE WHEN o.final_type = 2 THEN o.az END AS "acceptedAz", o.seq AS seq,
             o.idempotency_key AS "idempotencyKey", o.simulation_seed AS "simulationSeed",
             id_text(o.region, o.possible_duplicate_of) AS "possibleDuplicateOf", time_text(o.created_at) AS "createdAt",
             CASE WHEN o.final_type = 2 THEN time_text(o.final_at) END AS "acceptedAt",
             CASE WHEN o.final_type = 3 THEN time_text(o.final_at) END AS "cancelledAt",
             milliseconds_between(o.created_at, o.final_at) AS "processingMs", trace_text(o.trace_id) AS "traceId",
             balance_snapshot AS "balanceSnapshot", '[]'::json AS warnings) t);
END $$;

CREATE FUNCTION trade_text(e executions) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT row_to_json(t)::text FROM (
      SELECT id_text(e.region, e.seq) AS "tradeId",
             CASE e.side WHEN 1 THEN id_text(e.region, e.order_seq) ELSE 'SIM' END AS "buyOrder",
             CASE e.side WHEN 2 THEN id_text(e.region, e.order_seq) ELSE 'SIM' END AS "sellOrder",
             e.quantity AS quantity, money_text(e.price_cents) AS price, time_text(e.created_at) AS timestamp,
             e.region AS region, e.az AS "fillAz", e.seq AS seq, '[]'::json AS flags) t);
END $$;

-- Open orders lie after simfill's cursor or are parked: this walks those and nothing else.
CREATE FUNCTION open_order_seqs(a_region text, a_user text, a_side integer, a_client text, a_before bigint, a_count integer)
RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
DECLARE
  filled_to bigint := cursor_position(a_region, 'simfill', 'orders');
  recent    bigint[];
BEGIN
  recent := ARRAY(
    SELECT o.seq FROM orders o
     WHERE o.region = a_region AND o.seq > filled_to AND o.seq < a_before AND o.kind = 1
       AND (a_user IS NULL OR o.user_id = a_user) AND (a_side IS NULL OR o.side = a_side) AND (a_client IS NULL OR o.client_id = a_client)
       AND NOT EXISTS (SELECT FROM executions f WHERE f.region = a_region AND f.order_seq = o.seq AND f.leg = 0)
     ORDER BY o.seq DESC LIMIT a_count);
  RETURN recent || ARRAY(
    SELECT p.order_seq FROM parked_orders p JOIN orders o ON o.region = p.region AND o.seq = p.order_seq
     WHERE p.region = a_region AND p.order_seq <= filled_to AND p.order_seq < a_before
       AND (a_user IS NULL OR o.user_id = a_user) AND (a_side IS NULL OR o.side = a_side) AND (a_client IS NULL OR o.client_id = a_client)
       AND NOT EXISTS (SELECT FROM executions f WHERE f.region = a_region AND f.order_seq = o.seq AND f.leg = 0)
     ORDER BY p.order_seq DESC LIMIT a_count - cardinality(recent));
END $$;

-- Picks the newest orders below a_before that fit the filters (NULL: any), newest first. next_seq: where the next page goes on, NULL
-- at the end. a_status: 1 PENDING, 2 ACCEPTED, 3 CANCELLED, 4 REJECTED.
CREATE FUNCTION order_page(a_region text, a_user text, a_status integer, a_side integer, a_client text, a_before bigint, a_limit integer,
                           OUT seqs bigint[], OUT next_seq bigint) LANGUAGE plpgsql STABLE AS $$
DECLARE
  bound bigint;  -- the last candidate looked at when the budget ran out
BEGIN
  IF a_status = 1 THEN
    seqs := open_order_seqs(a_region, a_user, a_side, a_client, a_before, a_limit + 1);
  ELSIF a_status IN (3, 4) THEN
    seqs := ARRAY(
      SELECT c.order_seq
        FROM (SELECT order_seq, user_id, side FROM executions
               WHERE region = a_region AND type = a_status AND type IN (3, 4) AND order_seq < a_before
               ORDER BY order_seq DESC LIMIT scattered_budget()) c
       WHERE (a_user IS NULL OR c.user_id = a_user) AND (a_side IS NULL OR c.side = a_side)
         AND (a_client IS NULL OR (SELECT client_id FROM orders WHERE region = a_region AND seq = c.order_seq) = a_client)
       LIMIT a_limit + 1);
    bound := (SELECT order_seq FROM executions
               WHERE cardinality(seqs) <= a_limit AND region = a_region AND type = a_status AND type IN (3, 4) AND order_seq < a_before
               ORDER BY order_seq DESC OFFSET scattered_budget() - 1 LIMIT 1);
  ELSIF a_user IS NOT NULL THEN
    seqs := ARRAY(
      SELECT c.seq
        FROM (SELECT seq, kind, side, client_id FROM orders
               WHERE region = a_region AND (user_id, seq) < (a_user, a_before) AND user_id >= a_user
               ORDER BY user_id DESC, seq DESC LIMIT scattered_budget()) c
       WHERE c.kind = 1 AND (a_side IS NULL OR c.side = a_side) AND (a_client IS NULL OR c.client_id = a_client)
         AND (a_status IS NULL OR (SELECT type FROM executions WHERE region = a_region AND order_seq = c.seq AND leg = 0) = a_status)
       LIMIT a_limit + 1);
    bound := (SELECT seq FROM orders
               WHERE cardinality(seqs) <= a_limit AND region = a_region AND (user_id, seq) < (a_user, a_before) AND user_id >= a_user
               ORDER BY user_id DESC, seq DESC OFFSET scattered_budget() - 1 LIMIT 1);
  ELSE
    bound := least(a_before, coalesce(last_seq(a_region, 'orders'), 0) + 1) - scan_budget();
    seqs := ARRAY(
      SELECT o.seq FROM orders o
       WHERE o.region = a_region AND o.seq < a_before AND o.seq >= bound AND o.kind = 1
         AND (a_side IS NULL OR o.side = a_side) AND (a_client IS NULL OR o.client_id = a_client)
         AND (a_status IS NULL OR (SELECT type FROM executions WHERE region = a_region AND order_seq = o.seq AND leg = 0) = a_status)
       ORDER BY o.seq DESC LIMIT a_limit + 1);
  END IF;
  next_seq := CASE WHEN cardinality(seqs) > a_limit THEN seqs[a_limit] WHEN bound > 1 THEN bound END;
  seqs := seqs[:a_limit];
END $$;

-- GET /api/orders
CREATE FUNCTION api_orders(a_region text, a_user text, a_status integer, a_side integer, a_client text, a_before bigint, a_limit integer,
                           OUT status integer, OUT body text) LANGUAGE plpgsql STABLE AS $$
DECLARE
  page record;
BEGIN
  page := order_page(a_region, a_user, a_status, a_side, a_client, a_before, a_limit);
  status := 200;
  SELECT list_text(string_agg(order_text(o, NULL), ',' ORDER BY o.seq DESC), cursor_text('o1', page.next_seq::text))
    INTO body FROM order_rows o WHERE o.region = a_region AND o.seq = ANY (page.seqs);
END $$;

-- A CSV field (RFC 4180). A text that a spreadsheet would take for a formula gets an apostrophe in front.
CREATE FUNCTION csv_text(value text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN safe ~ E'[",\r\n]' THEN '"' || replace(safe, '"', '""') || '"' ELSE coalesce(safe, '') END
    FROM (SELECT CASE WHEN value ~ E'^[=+@\t\r-]' THEN '''' || value ELSE value END AS safe) guarded
$$;

-- GET /api/orders?format=csv. The first line is the next page's cursor (empty at the end) and goes into a header.
CREATE FUNCTION api_orders_csv(a_region text, a_user text, a_status integer, a_side integer, a_client text, a_before bigint,
                               a_limit integer, OUT status integer, OUT body text) LANGUAGE plpgsql STABLE AS $$
DECLARE
  page record;
BEGIN
  page := order_page(a_region, a_user, a_status, a_side, a_client, a_before, a_limit);
  status := 200;
  SELECT coalesce(cursor_text('o1', page.next_seq::text), '') || E'\n'
         || 'orderId,createdAt,userId,submittedBy,clientId,market,side,quantity,price,timeInForce,status,filledQuantity,avgFillPrice,'
         || E'acceptedAt,cancelledAt,processingMs,region,seq,idempotencyKey,traceId\r\n'
         || coalesce(string_agg(array_to_string(ARRAY[
              id_text(o.region, o.seq), time_text(o.created_at), csv_text(o.user_id), csv_text(coalesce(o.display_name, o.user_id)),
              csv_text(o.client_id), 'TULIP', side_text(o.side), o.quantity::text, money_text(o.price_cents),
              time_in_force_text(o.time_in_force), status_text(o.final_type), o.filled::text, money_text(o.average_cents),
              CASE WHEN o.final_type = 2 THEN time_text(o.final_at) END, CASE WHEN o.final_type = 3 THEN time_text(o.final_at) END,
              milliseconds_between(o.created_at, o.final_at)::text, o.region, o.seq::text, csv_text(o.idempotency_key),
              trace_text(o.trace_id)], ',', '') || E'\r\n', '' ORDER BY o.seq DESC), '')
    INTO body FROM order_rows o WHERE o.region = a_region AND o.seq = ANY (page.seqs);
END $$;

-- GET /api/trades?userId&orderId
CREATE FUNCTION api_trades(a_region text, a_user text, a_order bigint, a_before bigint, a_limit integer, OUT status integer, OUT body text)
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
    seqs := ARRAY(SELECT seq FROM executions
                   WHERE region = a_region AND seq < a_before AND seq >= bound AND type = 1 ORDER BY seq DESC LIMIT a_limit + 1);
  END IF;
  status := 200;
  SELECT list_text(string_agg(trade_text(e), ',' ORDER BY e.seq DESC),
                   coalesce(next_cursor('t1', seqs, a_limit), CASE WHEN bound > 1 THEN cursor_text('t1', bound::text) END))
    INTO body FROM executions e WHERE e.region = a_region AND e.seq = ANY (seqs[:a_limit]);
END $$;
