-- The balance actor's store procedures (actors/balance/store.h says what each means). Each is one transaction.
-- All of them write the balances stream behind one fence, so there is one at a time: whatever runs after balance_fence() sees the
-- tables as the batch before left them.

-- The dead letters whose next attempt comes, in that order: a bounded read at each retry timer and at the start.
CREATE INDEX dead_letters_retrying ON dead_letters (region, next_attempt_at, outbox_seq) WHERE state = 1;

-- What each persona holds, and what it cost: the fold of its ORDER_FILL entries in the order of the ledger, kept beside it for reading.
-- quantity < 0: sold short; cost_cents then is what the sales brought, below zero. quantity 0: cost 0.
CREATE TABLE positions (
  region      text        NOT NULL,
  account     text        NOT NULL,
  quantity    bigint      NOT NULL,
  cost_cents  bigint      NOT NULL,
  updated_at  timestamptz NOT NULL,
  PRIMARY KEY (region, account)
) WITH (fillfactor = 20);

-- Result: {quantity, cost} after one more fill, by average cost, in whole cents. What adds to a position adds what was paid; what reduces
-- it takes its share of the cost along (cut towards zero: an odd cent stays with what is held, and goes with its last piece); what goes
-- through zero opens the other way at its own price. One fill after the other, so batches of any size come to the same figures.
-- held NULL: begins with start_quantity and start_cost (NULL: nothing).
CREATE FUNCTION position_take(held bigint[], start_quantity bigint, start_cost bigint, side smallint, filled integer, delta bigint)
RETURNS bigint[] LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  quantity  bigint := coalesce(held[1], start_quantity, 0);
  cost      bigint := coalesce(held[2], start_cost, 0);
  change    bigint := CASE side WHEN 1 THEN filled ELSE -filled END;
BEGIN
  IF quantity = 0 OR (quantity > 0) = (change > 0) THEN
    RETURN ARRAY[quantity + change, cost - delta];
  ELSIF abs(change) < abs(quantity) THEN
    RETURN ARRAY[quantity + change, cost - div(cost::numeric * abs(change), abs(quantity))::bigint];
  END IF;
  RETURN ARRAY[quantity + change, -div(delta::numeric * abs(quantity + change), abs(change))::bigint];
END $$;
CREATE AGGREGATE position_after(start_quantity bigint, start_cost bigint, side smallint, filled integer, delta bigint) (
  SFUNC = position_take, STYPE = bigint[]);

-- Effect: the compare-and-set on the stream's head (rule 3): gives out a_count seqs, or raises TB001.
CREATE FUNCTION balance_fence(a_region text, a_epoch bigint, a_next_seq bigint, a_count integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE stream_heads SET next_seq = next_seq + a_count
    WHERE region = a_region AND stream = 'balances' AND epoch = a_epoch AND next_seq = a_next_seq;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'balances of %: epoch % or seq % is not ours any more', a_region, a_epoch, a_next_seq USING ERRCODE = 'TB001';
  END IF;
END $$;

-- Effect: raises what a poisoned adjustment (simulationSeed "poison-balance") raises; returns a bigint so that it can stand for a delta.
CREATE FUNCTION balance_poison(a_outbox_seq bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'adjustment % is poisoned', a_outbox_seq USING ERRCODE = 'TB010';
END $$;

-- Effect: takes the epoch; a batch of the former writer that is just committing is decided when this returns.
CREATE FUNCTION balance_start(a_region text)
RETURNS TABLE (r_epoch bigint, r_next_seq bigint, r_outbox bigint, r_ops bigint, r_dead bigint) LANGUAGE plpgsql AS $$
BEGIN
  SELECT t.epoch, t.next_seq INTO STRICT r_epoch, r_next_seq FROM take_epoch(a_region, 'balances') t;
  SELECT position INTO STRICT r_outbox FROM cursors WHERE region = a_region AND consumer = 'balance' AND stream = 'outbox';
  SELECT position INTO STRICT r_ops FROM cursors WHERE region = a_region AND consumer = 'balance' AND stream = 'ops';
  SELECT count(*) INTO r_dead FROM dead_letters WHERE region = a_region AND state = 2;
  RETURN NEXT;
END $$;

-- Effect: settles the outbox rows a_first … a_first + a_count - 1, all or none. The rows are read here instead of being sent along:
-- the log is the authority, and nine arrays are dearer to carry than one index range to read.
-- Each row becomes two ledger legs under one seq; running balances come from windows over the batch; each account's row, the hot
-- '@market' too, and each position are written once per batch.
CREATE FUNCTION balance_apply(a_region text, a_epoch bigint, a_next_seq bigint, a_first bigint, a_count integer, a_now timestamptz)
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
  WITH batch AS MATERIALIZED (
    SELECT a_next_seq + (o.seq - a_first) AS seq, o.order_seq, o.price_cents, o.quantity, o.side, o.user_id, o.trace_id,
           CASE o.fault WHEN 1 THEN balance_poison(o.seq) ELSE o.delta_cents END AS delta
      FROM outbox o WHERE o.region = a_region AND o.seq BETWEEN a_first AND a_last
  ), legs AS MATERIALIZED (
    SELECT b.*, b.user_id AS account, b.delta AS signed,
           (coalesce(k.balance_cents, 0) + sum(b.delta) OVER w)::bigint AS resulting,
           coalesce(k.version, 0) + row_number() OVER w AS version, lead(b.seq) OVER w IS NULL AS is_last
      FROM batch b LEFT JOIN balances k ON k.region = a_region AND k.account = b.user_id
      WINDOW w AS (PARTITION BY b.user_id ORDER BY b.seq ROWS UNBOUNDED PRECEDING)
    UNION ALL
    SELECT b.*, '@market', -b.delta, (market_cents - sum(b.delta) OVER w)::bigint,
           market_version + row_number() OVER w, lead(b.seq) OVER w IS NULL
      FROM batch b WINDOW w AS (ORDER BY b.seq ROWS UNBOUNDED PRECEDING)
  ), written AS (
    INSERT INTO ledger (region, seq, order_seq, delta_cents, resulting_cents, price_cents, version, created_at, quantity, reason, side,
                        account, owner, trace_id)
      SELECT a_region, l.seq, l.order_seq, l.signed, l.resulting, l.price_cents, l.version, a_now, l.quantity, 2, l.side,
             l.account, l.user_id, l.trace_id
        FROM legs l
  ), carried AS (
    INSERT INTO balances AS k (region, account, balance_cents, version, last_order_seq, updated_at)
      SELECT a_region, l.account, l.resulting, l.version, l.order_seq, a_now FROM legs l WHERE l.is_last
      ON CONFLICT (region, account) DO UPDATE SET balance_cents = excluded.balance_cents, version = excluded.version,
        last_order_seq = excluded.last_order_seq, updated_at = excluded.updated_at
  ), held AS (
    INSERT INTO positions (region, account, quantity, cost_cents, updated_at)
      SELECT a_region, h.user_id, h.after[1], h.after[2], a_now
        FROM (SELECT b.user_id, position_after(k.quantity, k.cost_cents, b.side, b.quantity, b.delta ORDER BY b.seq) AS after
                FROM batch b LEFT JOIN positions k ON k.region = a_region AND k.account = b.user_id GROUP BY b.user_id) h
      ON CONFLICT (region, account) DO UPDATE SET quantity = excluded.quantity, cost_cents = excluded.cost_cents,
        updated_at = excluded.updated_at
  )
  SELECT l.resulting, l.version FROM legs l WHERE l.account <> '@market' ORDER BY l.seq;
  GET DIAGNOSTICS settled = ROW_COUNT;
  IF settled <> a_count THEN -- the writer was told of rows that are not there: it must look again
    RAISE EXCEPTION 'outbox of % has % of the rows % to %', a_region, settled, a_first, a_last USING ERRCODE = 'TB001';
  END IF;
END $$;

-- Effect: one movement outside a batch: two legs under a_seq, both balances, and the position when it is an order's fill. Returns the
-- persona's new balance and version.
CREATE FUNCTION balance_move(a_region text, a_seq bigint, a_account text, a_delta bigint, a_reason smallint, a_order_seq bigint, a_side smallint,
                             a_quantity integer, a_price bigint, a_trace uuid, a_now timestamptz, OUT resulting bigint, OUT new_version bigint)
LANGUAGE plpgsql AS $$
DECLARE
  leg_account  text;
  leg_delta    bigint;
  leg_cents    bigint;
  leg_version  bigint;
BEGIN
  FOREACH leg_account IN ARRAY ARRAY['@market', a_account] LOOP -- the persona's leg last: its figures are the result
    leg_delta := CASE WHEN leg_account = '@market' THEN -a_delta ELSE a_delta END;
    INSERT INTO balances AS k (region, account, balance_cents, version, last_order_seq, updated_at)
      VALUES (a_region, leg_account, leg_delta, 1, nullif(a_order_seq, 0), a_now)
      ON CONFLICT (region, account) DO UPDATE SET balance_cents = k.balance_cents + excluded.balance_cents, version = k.version + 1,
        last_order_seq = coalesce(excluded.last_order_seq, k.last_order_seq), updated_at = excluded.updated_at
      RETURNING k.balance_cents, k.version INTO leg_cents, leg_version;
    INSERT INTO ledger (region, seq, order_seq, delta_cents, resulting_cents, price_cents, version, created_at, quantity, reason, side,
                        account, owner, trace_id)
      VALUES (a_region, a_seq, a_order_seq, leg_delta, leg_cents, a_price, leg_version, a_now, a_quantity, a_reason, a_side,
              leg_account, a_account, a_trace);
  END LOOP;
  IF a_reason = 2 THEN
    INSERT INTO positions (region, account, quantity, cost_cents, updated_at)
      SELECT a_region, a_account, h.after[1], h.after[2], a_now
        FROM (SELECT position_take(NULL, k.quantity, k.cost_cents, a_side, a_quantity, a_delta) AS after
                FROM (SELECT) one LEFT JOIN positions k ON k.region = a_region AND k.account = a_account) h
      ON CONFLICT (region, account) DO UPDATE SET quantity = excluded.quantity, cost_cents = excluded.cost_cents,
        updated_at = excluded.updated_at;
  END IF;
  resulting := leg_cents;
  new_version := leg_version;
END $$;

-- Effect: opens the accounts that PersonaCreated events after the cursor ask for, moves the cursor. The first row is the cursor and
-- how many events were read (r_user NULL), the others one opened account each. Nothing new: nothing is written.
CREATE FUNCTION balance_open(a_region text, a_epoch bigint, a_next_seq bigint, a_limit integer, a_opening bigint, a_now timestamptz)
RETURNS TABLE (r_user text, r_position bigint, r_read bigint, r_resulting bigint, r_version bigint, r_trace uuid) LANGUAGE plpgsql AS $$
DECLARE
  from_position  bigint;
  event          record;
  opened         integer := 0;
BEGIN
  SELECT position INTO STRICT from_position FROM cursors WHERE region = a_region AND consumer = 'balance' AND stream = 'ops';
  SELECT coalesce(max(e.seq), from_position), count(*) INTO r_position, r_read FROM
    (SELECT o.seq FROM ops_events o WHERE o.region = a_region AND o.seq > from_position ORDER BY o.seq LIMIT a_limit) e;
  RETURN NEXT;
  IF r_read = 0 THEN
    RETURN;
  END IF;
  PERFORM balance_fence(a_region, a_epoch, a_next_seq, 0);
  UPDATE cursors SET position = r_position
    WHERE region = a_region AND consumer = 'balance' AND stream = 'ops' AND position = from_position;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'ops cursor of % is not at %', a_region, from_position USING ERRCODE = 'TB001';
  END IF;
  FOR event IN SELECT o.user_id, o.trace_id FROM ops_events o
      WHERE o.region = a_region AND o.seq > from_position AND o.seq <= r_position AND o.type = 1 ORDER BY o.seq LOOP
    -- The fenced writer sorts out duplicates itself, because a dense sequence has no place for a swallowed row; the ledger's
    -- unique constraint stands behind it.
    CONTINUE WHEN EXISTS (SELECT FROM ledger l WHERE l.region = a_region AND l.order_seq = 0 AND l.owner = event.user_id
                            AND l.account = event.user_id AND l.reason = 1);
    SELECT m.resulting, m.new_version INTO r_resulting, r_version
      FROM balance_move(a_region, a_next_seq + opened, event.user_id, a_opening, 1::smallint, 0, NULL, NULL, NULL, event.trace_id, a_now) m;
    opened := opened + 1;
    r_user := event.user_id;
    r_trace := event.trace_id;
    RETURN NEXT;
  END LOOP;
  PERFORM balance_fence(a_region, a_epoch, a_next_seq, opened);
END $$;

-- Effect: records one more failure of an adjustment: its dead_letters row (state 1 retrying, 2 dead) and the events that say so.
-- The first failure also moves the cursor past it. Returns whose adjustment it is; no row when it is not in state 1 any more.
CREATE FUNCTION balance_fail(a_region text, a_epoch bigint, a_next_seq bigint, a_outbox_seq bigint, a_attempts integer, a_dead boolean,
                             a_next_attempt_at timestamptz, a_now timestamptz, a_error text)
RETURNS TABLE (r_user text, r_order_seq bigint, r_trace uuid) LANGUAGE plpgsql AS $$
DECLARE
  new_state  smallint := CASE WHEN a_dead THEN 2 ELSE 1 END;
BEGIN
  PERFORM balance_fence(a_region, a_epoch, a_next_seq, 0);
  SELECT o.user_id, o.order_seq, o.trace_id INTO STRICT r_user, r_order_seq, r_trace
    FROM outbox o WHERE o.region = a_region AND o.seq = a_outbox_seq;
  IF a_attempts = 1 THEN
    UPDATE cursors SET position = a_outbox_seq
      WHERE region = a_region AND consumer = 'balance' AND stream = 'outbox' AND position = a_outbox_seq - 1;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'outbox cursor of % is not at %', a_region, a_outbox_seq - 1 USING ERRCODE = 'TB001';
    END IF;
    INSERT INTO dead_letters (region, outbox_seq, state, attempts, next_attempt_at, first_failed_at, updated_at, last_error)
      VALUES (a_region, a_outbox_seq, new_state, 1, CASE WHEN a_dead THEN NULL ELSE a_next_attempt_at END, a_now, a_now, a_error);
  ELSE
    UPDATE dead_letters SET state = new_state, attempts = a_attempts, updated_at = a_now, last_error = a_error,
        next_attempt_at = CASE WHEN a_dead THEN NULL ELSE a_next_attempt_at END
      WHERE region = a_region AND outbox_seq = a_outbox_seq AND state = 1;
    IF NOT FOUND THEN
      RETURN;
    END IF;
  END IF;
  INSERT INTO balance_events VALUES (a_region, a_next_seq, 2, r_user, r_order_seq, a_outbox_seq, a_attempts, a_error, a_now, r_trace);
  IF a_dead THEN
    INSERT INTO balance_events VALUES (a_region, a_next_seq + 1, 3, r_user, r_order_seq, a_outbox_seq, a_attempts, a_error, a_now, r_trace);
  END IF;
  PERFORM balance_fence(a_region, a_epoch, a_next_seq, CASE WHEN a_dead THEN 2 ELSE 1 END);
  RETURN NEXT;
END $$;

-- Effect: brings a dead letter to its end: a_how 1 retry, 2 redrive (applies a poisoned one, too), 3 discard. One row, always:
-- r_outcome 0 no such dead letter, 1 done now, 2 had come to this end before, 3 had come to the other end.
CREATE FUNCTION balance_resolve(a_region text, a_epoch bigint, a_next_seq bigint, a_outbox_seq bigint, a_how smallint, a_actor text,
                                a_now timestamptz)
RETURNS TABLE (r_outcome smallint, r_was_dead boolean, r_attempts integer, r_resulting bigint, r_version bigint, r_order_seq bigint,
               r_delta bigint, r_price bigint, r_created_at timestamptz, r_order_created_at timestamptz, r_quantity integer, r_side smallint,
               r_trace uuid, r_user text) LANGUAGE plpgsql AS $$
DECLARE
  letter    dead_letters;
  movement  outbox;
  used      integer := 0;
BEGIN
  PERFORM balance_fence(a_region, a_epoch, a_next_seq, 0);
  SELECT * INTO letter FROM dead_letters d WHERE d.region = a_region AND d.outbox_seq = a_outbox_seq;
  IF NOT FOUND THEN
    r_outcome := 0;
    RETURN NEXT;
    RETURN;
  ELSIF letter.state IN (3, 4) THEN
    r_outcome := CASE WHEN (letter.state = 4) = (a_how = 3) THEN 2 ELSE 3 END;
    RETURN NEXT;
    RETURN;
  END IF;
  SELECT * INTO STRICT movement FROM outbox o WHERE o.region = a_region AND o.seq = a_outbox_seq;
  IF a_how <> 1 THEN
    INSERT INTO balance_events VALUES (a_region, a_next_seq, CASE a_how WHEN 2 THEN 4 ELSE 5 END, movement.user_id, movement.order_seq,
                                       a_outbox_seq, letter.attempts, NULL, a_now, movement.trace_id);
    INSERT INTO admin_actions (region, action, target, actor, detail, done_at)
      VALUES (a_region, CASE a_how WHEN 2 THEN 'redrive' ELSE 'discard' END, a_region || '.' || a_outbox_seq, a_actor,
              jsonb_build_object('orderId', a_region || '.' || movement.order_seq, 'userId', movement.user_id,
                                 'attempts', letter.attempts, 'lastError', letter.last_error), a_now);
    used := 1;
  END IF;
  IF a_how <> 3 THEN
    IF a_how = 1 AND movement.fault = 1 THEN
      PERFORM balance_poison(a_outbox_seq);
    END IF;
    SELECT m.resulting, m.new_version INTO r_resulting, r_version
      FROM balance_move(a_region, a_next_seq + used, movement.user_id, movement.delta_cents, 2::smallint, movement.order_seq, movement.side,
                        movement.quantity, movement.price_cents, movement.trace_id, a_now) m;
    used := used + 1;
  END IF;
  UPDATE dead_letters d SET state = CASE a_how WHEN 3 THEN 4 ELSE 3 END, redriven = a_how = 2, next_attempt_at = NULL, updated_at = a_now
    WHERE d.region = a_region AND d.outbox_seq = a_outbox_seq;
  PERFORM balance_fence(a_region, a_epoch, a_next_seq, used);
  r_outcome := 1;
  r_was_dead := letter.state = 2;
  r_attempts := letter.attempts;
  r_order_seq := movement.order_seq;
  r_delta := movement.delta_cents;
  r_price := movement.price_cents;
  r_created_at := movement.created_at;
  r_order_created_at := movement.order_created_at;
  r_quantity := movement.quantity;
  r_side := movement.side;
  r_trace := movement.trace_id;
  r_user := movement.user_id;
  RETURN NEXT;
END $$;

-- Effect: sets an account's balance, version and position to what its ledger says. No row when there is no such account.
CREATE FUNCTION balance_rebuild(a_region text, a_epoch bigint, a_next_seq bigint, a_account text, a_actor text, a_now timestamptz)
RETURNS TABLE (r_before bigint, r_after bigint) LANGUAGE plpgsql AS $$
DECLARE
  entries  bigint;
BEGIN
  PERFORM balance_fence(a_region, a_epoch, a_next_seq, 0);
  SELECT balance_cents INTO r_before FROM balances WHERE region = a_region AND account = a_account;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  SELECT coalesce(sum(delta_cents), 0)::bigint, count(*) INTO r_after, entries FROM ledger WHERE region = a_region AND account = a_account;
  UPDATE balances SET balance_cents = r_after, version = entries, updated_at = a_now
    WHERE region = a_region AND account = a_account AND (balance_cents, version) IS DISTINCT FROM (r_after, entries);
  INSERT INTO positions AS p (region, account, quantity, cost_cents, updated_at)
    SELECT a_region, a_account, h.after[1], h.after[2], a_now
      FROM (SELECT position_after(0, 0, l.side, l.quantity, l.delta_cents ORDER BY l.seq) AS after FROM ledger l
             WHERE l.region = a_region AND l.account = a_account AND l.account <> '@market' AND l.reason = 2) h
     WHERE h.after IS NOT NULL
    ON CONFLICT (region, account) DO UPDATE SET quantity = excluded.quantity, cost_cents = excluded.cost_cents,
      updated_at = excluded.updated_at WHERE (p.quantity, p.cost_cents) IS DISTINCT FROM (excluded.quantity, excluded.cost_cents);
  INSERT INTO admin_actions (region, action, target, actor, detail, done_at)
    VALUES (a_region, 'rebuild', a_account, a_actor, jsonb_build_object('beforeCents', r_before, 'afterCents', r_after), a_now);
  RETURN NEXT;
END $$;
