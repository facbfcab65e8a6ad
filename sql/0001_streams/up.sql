-- The stream tables, their heads and cursors. Numbered enums are those of proto/*.proto and never change.
-- Every stream is dense: its one fenced writer gives out seq 1, 2, 3 … in the transaction that inserts the row.
-- Stream tables are partitioned by region; a writer inserts into its own region's leaf (orders_leaf('nl-1') names it).

-- One row per stream: who may write (epoch) and what comes next. The compare-and-set on it is the fence (rule 3).
CREATE TABLE stream_heads (
  region      text     NOT NULL,
  stream      text     NOT NULL CHECK (stream IN ('orders', 'executions', 'balances', 'ops', 'outbox')),
  epoch       bigint   NOT NULL DEFAULT 0,
  next_seq    bigint   NOT NULL DEFAULT 1 CHECK (next_seq >= 1),
  total       bigint   NOT NULL DEFAULT 0,  -- orders: orders accepted; executions: orders brought to a final state
  PRIMARY KEY (region, stream)
) WITH (fillfactor = 20);

-- How far each consumer has come, moved in the transaction of its effects (rules 2 and 4).
CREATE TABLE cursors (
  region    text   NOT NULL,
  consumer  text   NOT NULL,  -- 'simfill', 'balance'
  stream    text   NOT NULL,
  position  bigint NOT NULL DEFAULT 0,  -- every seq <= position is handled
  PRIMARY KEY (region, consumer, stream)
) WITH (fillfactor = 20);

CREATE TABLE orders (
  region                 text        NOT NULL,
  seq                    bigint      NOT NULL,
  kind                   smallint    NOT NULL,  -- OrderRecord.Kind: 1 order, 2 cancel request
  side                   smallint,              -- 1 BUY, 2 SELL
  time_in_force          smallint,              -- 1 GTC, 2 IOC, 3 FOK
  quantity               integer,
  price_cents            bigint,
  target_seq             bigint,                -- kind 2: the order to cancel
  possible_duplicate_of  bigint,
  created_at             timestamptz NOT NULL,
  trace_id               uuid,
  key_generated          boolean     NOT NULL DEFAULT false,
  user_id                text        NOT NULL,
  client_id              text        NOT NULL,
  idempotency_key        text        NOT NULL,  -- kind 2: 'cancel:<target_seq>' under client_id '@cancel'
  simulation_seed        text,
  PRIMARY KEY (region, seq),
  UNIQUE (region, client_id, idempotency_key)
) PARTITION BY LIST (region);
CREATE INDEX orders_by_user ON orders (region, user_id, seq);

CREATE TABLE executions (
  region          text        NOT NULL,
  seq             bigint      NOT NULL,
  order_seq       bigint      NOT NULL,
  type            smallint    NOT NULL,  -- ExecutionRecord.Type: 1 TradeExecuted, 2 OrderAccepted, 3 OrderCancelled, 4 OrderRejected
  side            smallint    NOT NULL,
  leg             integer     NOT NULL,  -- trade 1…n of its order; 0 is the one final record
  quantity        integer     NOT NULL,  -- trade: its quantity; final: filled in total
  price_cents     bigint      NOT NULL,  -- trade: its price; final: average fill price, 0 when nothing was filled
  notional_cents  bigint      NOT NULL,
  created_at      timestamptz NOT NULL,
  user_id         text        NOT NULL,
  az              text,
  PRIMARY KEY (region, seq),
  UNIQUE (region, order_seq, leg)        -- one final record, and each trade once
) PARTITION BY LIST (region);
CREATE INDEX executions_trades_by_user ON executions (region, user_id, seq) WHERE type = 1;

-- Orders that simfill's cursor has passed although they are still open (slow, hang): its recovery reads these and the
-- orders after the cursor, nothing else, so it does not grow with history.
CREATE TABLE parked_orders (
  region     text        NOT NULL,
  order_seq  bigint      NOT NULL,
  due_at     timestamptz,            -- NULL: waits for a cancel
  PRIMARY KEY (region, order_seq)
);

CREATE TABLE outbox (
  region            text        NOT NULL,
  seq               bigint      NOT NULL,
  order_seq         bigint      NOT NULL,
  delta_cents       bigint      NOT NULL,
  price_cents       bigint      NOT NULL,
  quantity          integer     NOT NULL,
  side              smallint    NOT NULL,
  fault             smallint    NOT NULL DEFAULT 0,
  created_at        timestamptz NOT NULL,
  order_created_at  timestamptz NOT NULL,
  trace_id          uuid,
  user_id           text        NOT NULL,
  PRIMARY KEY (region, seq)
) PARTITION BY LIST (region);

-- Two legs per movement: the persona's and its counter-entry on '@market', under one seq of the balances stream.
CREATE TABLE ledger (
  region           text        NOT NULL,
  seq              bigint      NOT NULL,
  order_seq        bigint      NOT NULL DEFAULT 0,  -- 0: not from an order
  delta_cents      bigint      NOT NULL,
  resulting_cents  bigint      NOT NULL,
  price_cents      bigint,
  version          bigint      NOT NULL,            -- entries of this account, this one included
  created_at       timestamptz NOT NULL,
  quantity         integer,
  reason           smallint    NOT NULL,            -- BalanceRecord.Reason: 1 OPENING_BALANCE, 2 ORDER_FILL, 3 COMPENSATION, 4 ADJUSTMENT
  side             smallint,
  account          text        NOT NULL,            -- user id, or '@market'
  owner            text        NOT NULL,            -- the persona of the movement (= account but on the '@market' leg)
  trace_id         uuid,
  PRIMARY KEY (region, account, seq),
  UNIQUE (region, order_seq, owner, account, reason)       -- exactly once (rule 4)
) PARTITION BY LIST (region);
CREATE INDEX ledger_by_seq ON ledger (region, seq);

CREATE TABLE balances (
  region          text        NOT NULL,
  account         text        NOT NULL,
  balance_cents   bigint      NOT NULL DEFAULT 0,
  version         bigint      NOT NULL DEFAULT 0,
  last_order_seq  bigint,
  updated_at      timestamptz NOT NULL,
  PRIMARY KEY (region, account)
) WITH (fillfactor = 20);

-- The balances stream is the persona legs of the ledger and these, under one dense sequence.
CREATE TABLE balance_events (
  region      text        NOT NULL,
  seq         bigint      NOT NULL,
  type        smallint    NOT NULL,  -- BalanceRecord.Type: 2 BalanceAdjustmentFailed, 3 DeadLettered, 4 DeadLetterRedriven, 5 DeadLetterDiscarded
  user_id     text        NOT NULL,
  order_seq   bigint      NOT NULL,
  outbox_seq  bigint      NOT NULL,
  attempts    integer     NOT NULL,
  error       text,
  created_at  timestamptz NOT NULL,
  trace_id    uuid,
  PRIMARY KEY (region, seq)
);

-- Adjustments that failed: being retried (1), dead (2), settled after all (3), discarded by an operator (4).
CREATE TABLE dead_letters (
  region           text        NOT NULL,
  outbox_seq       bigint      NOT NULL,
  state            smallint    NOT NULL,
  attempts         integer     NOT NULL,
  next_attempt_at  timestamptz,
  first_failed_at  timestamptz NOT NULL,
  updated_at       timestamptz NOT NULL,
  last_error       text        NOT NULL,
  redriven         boolean     NOT NULL DEFAULT false,
  PRIMARY KEY (region, outbox_seq)
);
CREATE INDEX dead_letters_open ON dead_letters (region, outbox_seq) WHERE state IN (1, 2);

CREATE TABLE personas (
  user_id       text        PRIMARY KEY CHECK (user_id ~ '^[a-z0-9][a-z0-9-]{1,39}$'),
  display_name  text        NOT NULL,
  bio           text        NOT NULL DEFAULT '',
  avatar_url    text,
  seed          boolean     NOT NULL DEFAULT false,
  deleted       boolean     NOT NULL DEFAULT false,
  version       bigint      NOT NULL DEFAULT 1,
  created_at    timestamptz NOT NULL,
  updated_at    timestamptz NOT NULL
);

-- The ops stream. Several actors append to it, one at a time: each holds the head's row lock until it commits (ops_append).
CREATE TABLE ops_events (
  region      text        NOT NULL,
  seq         bigint      NOT NULL,
  type        smallint    NOT NULL,  -- OpsRecord.Type
  user_id     text,
  payload     jsonb       NOT NULL,
  created_at  timestamptz NOT NULL,
  trace_id    uuid,
  PRIMARY KEY (region, seq)
);

CREATE TABLE alarms (
  region    text        NOT NULL,
  id        text        NOT NULL,
  active    boolean     NOT NULL,
  since     timestamptz NOT NULL,
  severity  text        NOT NULL,
  message   text        NOT NULL,
  value     double precision NOT NULL,
  PRIMARY KEY (region, id)
);

CREATE TABLE findings (
  finding_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  region      text        NOT NULL,
  invariant   text        NOT NULL,
  count       bigint      NOT NULL,
  sample      jsonb       NOT NULL,
  found_at    timestamptz NOT NULL
);

-- What operators did by hand: redrive, discard, rebuild, replay.
CREATE TABLE admin_actions (
  action_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  region     text        NOT NULL,
  action     text        NOT NULL,
  target     text        NOT NULL,
  actor      text        NOT NULL,
  detail     jsonb       NOT NULL DEFAULT '{}',
  done_at    timestamptz NOT NULL
);

-- 'orders_nl_1' for ('orders', 'nl-1').
CREATE FUNCTION leaf_name(base text, region text) RETURNS text
LANGUAGE sql IMMUTABLE RETURN base || '_' || replace(region, '-', '_');

-- Effect: makes the leaves, heads and cursors of a region; nothing where they are there already.
CREATE FUNCTION region_create(a_region text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  base text;
BEGIN
  IF a_region !~ '^[a-z0-9]([a-z0-9-]{0,14}[a-z0-9])?$' THEN
    RAISE EXCEPTION 'region % is not 1 to 16 of a-z, 0-9 and -', a_region;
  END IF;
  FOREACH base IN ARRAY ARRAY['orders', 'executions', 'outbox', 'ledger'] LOOP
    EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF %I FOR VALUES IN (%L)', leaf_name(base, a_region), base, a_region);
  END LOOP;
  INSERT INTO stream_heads (region, stream)
    SELECT a_region, s FROM unnest(ARRAY['orders', 'executions', 'balances', 'ops', 'outbox']) s ON CONFLICT DO NOTHING;
  INSERT INTO cursors (region, consumer, stream)
    VALUES (a_region, 'simfill', 'orders'), (a_region, 'balance', 'outbox'), (a_region, 'balance', 'ops') ON CONFLICT DO NOTHING;
END $$;

-- Effect: makes the caller the one writer of a stream; whoever wrote before is fenced off from its next batch on. Waits for a batch
-- of the former writer that is just committing, so a batch in doubt is decided once this returns.
CREATE FUNCTION take_epoch(a_region text, a_stream text, OUT epoch bigint, OUT next_seq bigint, OUT total bigint) LANGUAGE sql AS $$
  UPDATE stream_heads h SET epoch = h.epoch + 1 WHERE h.region = a_region AND h.stream = a_stream
  RETURNING h.epoch, h.next_seq, h.total
$$;

-- Effect: appends one event to the ops stream and returns its seq. The head's row lock makes concurrent appenders wait their turn.
CREATE FUNCTION ops_append(a_region text, a_type smallint, a_user_id text, a_payload jsonb, a_at timestamptz, a_trace uuid) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  new_seq bigint;
BEGIN
  UPDATE stream_heads SET next_seq = next_seq + 1 WHERE region = a_region AND stream = 'ops' RETURNING next_seq - 1 INTO STRICT new_seq;
  INSERT INTO ops_events VALUES (a_region, new_seq, a_type, a_user_id, a_payload, a_at, a_trace);
  RETURN new_seq;
END $$;
