-- The audit: what must hold of the rows of one region, whoever wrote them. It trusts no constraint and no actor.
-- Each audit_… function gives one row per violation. All are STABLE, so one call of audit_checks sees one snapshot: between two
-- transactions of the actors everything here holds, and what is still under way (an adjustment behind balance's cursor, a dead letter)
-- is told apart from what is lost.

-- I1: one ORDER_FILL entry per ACCEPTED order and none else.
CREATE FUNCTION audit_settlement(a_region text) RETURNS SETOF jsonb LANGUAGE sql STABLE AS $$
  WITH accepted AS (
    SELECT order_seq, count(*) AS n, min(user_id COLLATE "C") AS user_id FROM executions
    WHERE region = a_region AND leg = 0 AND type = 2 GROUP BY order_seq
  ), entry AS (
    SELECT order_seq, count(*) AS n, min(account COLLATE "C") AS account FROM ledger
    WHERE region = a_region AND reason = 2 AND account <> '@market' GROUP BY order_seq
  ), adjustment AS (
    SELECT order_seq, count(*) AS n, min(seq) AS seq FROM outbox WHERE region = a_region GROUP BY order_seq
  ), judged AS (
    SELECT order_seq, o.seq AS outbox_seq, CASE
      WHEN a.n IS NULL AND e.n IS NOT NULL THEN 'ledger entry without an accepted order'
      WHEN a.n IS NULL THEN 'adjustment without an accepted order'
      WHEN a.n > 1 THEN 'accepted more than once'
      WHEN o.n IS NULL THEN 'accepted without an adjustment'
      WHEN o.n > 1 THEN 'more than one adjustment'
      WHEN e.n > 1 THEN 'more than one ledger entry'
      WHEN e.account <> a.user_id THEN 'ledger entry on another account'
      WHEN e.n IS NULL AND o.seq <= c.position AND (d.state IS NULL OR d.state = 3) THEN 'no ledger entry, and not in flight'
      WHEN e.n IS NOT NULL AND o.seq > c.position THEN 'ledger entry for an adjustment not taken yet'
      WHEN e.n IS NOT NULL AND d.state <> 3 THEN 'ledger entry although its adjustment is retrying, dead or discarded'
    END AS problem
    FROM accepted a FULL JOIN entry e USING (order_seq) FULL JOIN adjustment o USING (order_seq)
      LEFT JOIN dead_letters d ON d.region = a_region AND d.outbox_seq = o.seq
      LEFT JOIN cursors c ON c.region = a_region AND c.consumer = 'balance' AND c.stream = 'outbox'
  )
  SELECT jsonb_build_object('orderSeq', order_seq, 'outboxSeq', outbox_seq, 'problem', problem) FROM judged WHERE problem IS NOT NULL
$$;

-- I2: every balance is the sum of its ledger entries, its version their count, and each entry's resulting balance the sum up to it; every
-- position is what its ORDER_FILL entries come to.
CREATE FUNCTION audit_balances(a_region text) RETURNS SETOF jsonb LANGUAGE sql STABLE AS $$
  WITH running AS (
    SELECT account, seq, resulting_cents, version,
      sum(delta_cents) OVER entries AS sum_cents, row_number() OVER entries AS entry_number
    FROM ledger WHERE region = a_region WINDOW entries AS (PARTITION BY account ORDER BY seq)
  ), totals AS (
    SELECT account, sum(delta_cents) AS sum_cents, count(*) AS entries FROM ledger WHERE region = a_region GROUP BY account
  )
  SELECT jsonb_build_object('account', coalesce(b.account, t.account), 'problem', 'balance is not the sum of its ledger entries',
    'balanceCents', b.balance_cents, 'sumCents', t.sum_cents, 'version', b.version, 'entries', t.entries)
  FROM (SELECT * FROM balances WHERE region = a_region) b FULL JOIN totals t USING (account)
  WHERE coalesce(b.balance_cents, 0) <> coalesce(t.sum_cents, 0) OR coalesce(b.version, 0) <> coalesce(t.entries, 0)
    OR b.account IS NULL
  UNION ALL
  SELECT jsonb_build_object('account', account, 'balancesSeq', seq, 'problem', 'entry''s resulting balance or version is not that of the entries up to it',
    'resultingCents', resulting_cents, 'sumCents', sum_cents, 'version', version, 'entries', entry_number)
  FROM running WHERE resulting_cents <> sum_cents OR version <> entry_number
  UNION ALL
  SELECT jsonb_build_object('account', account, 'problem', 'position is not what its ledger entries come to', 'quantity', p.quantity,
    'costCents', p.cost_cents, 'ledgerQuantity', f.after[1], 'ledgerCostCents', f.after[2])
  FROM (SELECT * FROM positions WHERE region = a_region) p
    FULL JOIN (SELECT account, position_after(0, 0, side, quantity, delta_cents ORDER BY seq) AS after FROM ledger
               WHERE region = a_region AND reason = 2 AND account <> '@market' GROUP BY account) f USING (account)
  WHERE coalesce(p.quantity, 0) <> coalesce(f.after[1], 0) OR coalesce(p.cost_cents, 0) <> coalesce(f.after[2], 0)
    OR p.account IS NULL
$$;

-- I3: never more filled than ordered; the final record, the adjustment and the ledger entry say what the trades say.
CREATE FUNCTION audit_fills(a_region text) RETURNS SETOF jsonb LANGUAGE sql STABLE AS $$
  WITH fill AS (
    SELECT order_seq,
      coalesce(sum(quantity) FILTER (WHERE leg > 0), 0) AS filled,
      coalesce(sum(notional_cents) FILTER (WHERE leg > 0), 0) AS notional_cents,
      count(*) FILTER (WHERE leg > 0) AS trades, max(leg) AS leg_max, max(side) AS side,
      count(*) FILTER (WHERE leg = 0) AS finals, max(type) FILTER (WHERE leg = 0) AS final_type,
      sum(quantity) FILTER (WHERE leg = 0) AS final_filled, sum(notional_cents) FILTER (WHERE leg = 0) AS final_notional_cents,
      bool_or((leg > 0) <> (type = 1) OR leg < 0
        OR leg > 0 AND (quantity < 1 OR price_cents::numeric * quantity <> notional_cents)) AS malformed
    FROM executions WHERE region = a_region GROUP BY order_seq
  ), judged AS (
    SELECT f.order_seq, CASE
      WHEN f.malformed THEN 'a trade is not price times quantity'
      WHEN f.filled > o.quantity THEN 'more filled than ordered'
      WHEN f.trades <> f.leg_max THEN 'trades are not numbered 1 to n'
      WHEN f.finals > 1 THEN 'more than one final record'
      WHEN f.finals = 1 AND (f.final_filled <> f.filled OR f.final_notional_cents <> f.notional_cents) THEN 'final record differs from its trades'
      WHEN f.finals = 1 AND (f.final_type = 2) <> (f.filled > 0) THEN 'final state does not fit the trades'
      WHEN f.final_type = 2 AND x.delta_cents <> CASE f.side WHEN 1 THEN -f.notional_cents ELSE f.notional_cents END
        THEN 'adjustment differs from the trades'
      WHEN f.final_type = 2 AND l.delta_cents <> CASE f.side WHEN 1 THEN -f.notional_cents ELSE f.notional_cents END THEN 'ledger entry differs from the trades'
    END AS problem, o.quantity, f.filled, f.notional_cents, x.delta_cents AS adjustment_cents, l.delta_cents AS ledger_cents
    FROM fill f LEFT JOIN orders o ON o.region = a_region AND o.seq = f.order_seq AND o.kind = 1
      LEFT JOIN outbox x ON x.region = a_region AND x.order_seq = f.order_seq
      LEFT JOIN ledger l ON l.region = a_region AND l.order_seq = f.order_seq AND l.reason = 2 AND l.account <> '@market'
  )
  SELECT jsonb_build_object('orderSeq', order_seq, 'problem', problem, 'quantity', quantity, 'filled', filled,
    'notionalCents', notional_cents, 'adjustmentCents', adjustment_cents, 'ledgerCents', ledger_cents)
  FROM judged WHERE problem IS NOT NULL
$$;

-- I4: every stream is dense from 1 to its head, its total is what was counted, and no cursor is past it.
CREATE FUNCTION audit_density(a_region text) RETURNS SETOF jsonb LANGUAGE sql STABLE AS $$
  WITH stream AS (
    SELECT 'orders' AS name, count(*) AS n, count(DISTINCT seq) AS seqs, min(seq) AS low, max(seq) AS high,
      count(*) FILTER (WHERE kind = 1) AS total FROM orders WHERE region = a_region
    UNION ALL
    SELECT 'executions', count(*), count(DISTINCT seq), min(seq), max(seq), count(*) FILTER (WHERE leg = 0)
    FROM executions WHERE region = a_region
    UNION ALL
    SELECT 'outbox', count(*), count(DISTINCT seq), min(seq), max(seq), NULL FROM outbox WHERE region = a_region
    UNION ALL
    SELECT 'balances', count(*), count(DISTINCT seq), min(seq), max(seq), NULL FROM (
      SELECT seq FROM ledger WHERE region = a_region AND account <> '@market'
      UNION ALL SELECT seq FROM balance_events WHERE region = a_region) event
    UNION ALL
    SELECT 'ops', count(*), count(DISTINCT seq), min(seq), max(seq), NULL FROM ops_events WHERE region = a_region
  )
  SELECT jsonb_build_object('stream', h.stream, 'problem', 'not dense from 1 to its head', 'head', h.next_seq - 1, 'rows', s.n,
    'distinct', s.seqs, 'lowest', s.low, 'highest', s.high, 'total', h.total, 'counted', s.total)
  FROM stream_heads h LEFT JOIN stream s ON s.name = h.stream
  WHERE h.region = a_region AND (s.n <> h.next_seq - 1 OR s.seqs <> s.n OR coalesce(s.low, 1) <> 1 OR coalesce(s.high, 0) <> h.next_seq - 1
    OR s.total <> h.total)
  UNION ALL
  SELECT jsonb_build_object('stream', name, 'problem', 'has no head') FROM stream s
  WHERE NOT EXISTS (SELECT FROM stream_heads h WHERE h.region = a_region AND h.stream = s.name)
  UNION ALL
  SELECT jsonb_build_object('stream', c.stream, 'problem', 'cursor is past the head', 'consumer', c.consumer, 'position', c.position,
    'head', h.next_seq - 1)
  FROM cursors c JOIN stream_heads h USING (region, stream) WHERE c.region = a_region AND c.position >= h.next_seq
$$;

-- I5: the order of every trade, final record and adjustment exists, and is of the same user and side.
CREATE FUNCTION audit_orphans(a_region text) RETURNS SETOF jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('executionsSeq', e.seq, 'orderSeq', e.order_seq, 'leg', e.leg,
    'problem', CASE WHEN o.seq IS NULL THEN 'no such order' ELSE 'user or side is not the order''s' END)
  FROM executions e LEFT JOIN orders o ON o.region = a_region AND o.seq = e.order_seq AND o.kind = 1
  WHERE e.region = a_region AND (o.seq IS NULL OR o.user_id <> e.user_id OR o.side <> e.side)
  UNION ALL
  SELECT jsonb_build_object('outboxSeq', x.seq, 'orderSeq', x.order_seq,
    'problem', CASE WHEN o.seq IS NULL THEN 'no such order' ELSE 'user or side is not the order''s' END)
  FROM outbox x LEFT JOIN orders o ON o.region = a_region AND o.seq = x.order_seq AND o.kind = 1
  WHERE x.region = a_region AND (o.seq IS NULL OR o.user_id <> x.user_id OR o.side <> x.side)
$$;

-- I6: (client_id, idempotency_key) is unique.
CREATE FUNCTION audit_keys(a_region text) RETURNS SETOF jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('clientId', client_id, 'idempotencyKey', idempotency_key, 'orders', count(*), 'firstSeq', min(seq),
    'lastSeq', max(seq))
  FROM orders WHERE region = a_region GROUP BY client_id, idempotency_key HAVING count(*) > 1
$$;

-- I8: nothing waits in the outbox, or for its next attempt, longer than 30 s.
CREATE FUNCTION audit_overdue(a_region text) RETURNS SETOF jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('outboxSeq', x.seq, 'orderSeq', x.order_seq, 'waitsSince', x.created_at, 'problem', 'not taken')
  FROM cursors c JOIN outbox x ON x.region = a_region AND x.seq > c.position
  WHERE c.region = a_region AND c.consumer = 'balance' AND c.stream = 'outbox' AND x.created_at < now() - interval '30 s'
  UNION ALL
  SELECT jsonb_build_object('outboxSeq', outbox_seq, 'waitsSince', next_attempt_at, 'attempts', attempts, 'problem', 'not retried')
  FROM dead_letters WHERE region = a_region AND state = 1 AND next_attempt_at < now() - interval '30 s'
$$;

-- I10: every movement has two legs, the persona's and the market's, that cancel; so all deltas add up to zero.
CREATE FUNCTION audit_legs(a_region text) RETURNS SETOF jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('balancesSeq', seq, 'problem', 'its legs do not cancel', 'legs', count(*), 'sumCents', sum(delta_cents))
  FROM ledger WHERE region = a_region GROUP BY seq
  HAVING sum(delta_cents) <> 0 OR count(*) <> 2 OR count(*) FILTER (WHERE account = '@market') <> 1
    OR count(*) FILTER (WHERE account = owner) <> 1
  UNION ALL
  SELECT jsonb_build_object('problem', 'the sum over all accounts is not zero', 'sumCents', sum(delta_cents))
  FROM ledger WHERE region = a_region HAVING sum(delta_cents) <> 0
$$;

-- Result: one row about one invariant. count: violations; sample: up to five of them. I7 is not here: it needs the fill rules and is
-- replayed by the caller (audit_replay_page). Reads every row of the region (seconds at a million orders).
CREATE FUNCTION audit_check(a_region text, a_id text, OUT id text, OUT ok boolean, OUT count bigint, OUT sample jsonb)
LANGUAGE plpgsql STABLE SET enable_nestloop = off SET enable_hashjoin = on SET enable_mergejoin = on
SET enable_seqscan = on SET enable_material = on SET work_mem = '64MB' SET jit = off AS $$
DECLARE
  violations text := CASE a_id WHEN 'I1' THEN 'audit_settlement' WHEN 'I2' THEN 'audit_balances' WHEN 'I3' THEN 'audit_fills'
    WHEN 'I4' THEN 'audit_density' WHEN 'I5' THEN 'audit_orphans' WHEN 'I6' THEN 'audit_keys' WHEN 'I8' THEN 'audit_overdue'
    WHEN 'I10' THEN 'audit_legs' END;
BEGIN
  IF NOT EXISTS (SELECT FROM stream_heads h WHERE h.region = a_region) THEN
    RAISE EXCEPTION 'there is no region %', a_region;
  END IF;
  id := a_id;
  IF violations IS NOT NULL THEN
    EXECUTE format('SELECT count(*), coalesce(jsonb_agg(violation) FILTER (WHERE number <= 5), ''[]'')
      FROM (SELECT violation, row_number() OVER () AS number FROM %I($1) violation) v', violations) INTO count, sample USING a_region;
    ok := count = 0;
  ELSIF a_id = 'I9' THEN
    -- I9 compares regions after a partition has healed. A database that holds one region has nothing to compare.
    SELECT true, 0, jsonb_build_object('regions', count(DISTINCT h.region), 'note', CASE WHEN count(DISTINCT h.region) = 1
      THEN 'one region: nothing to compare' ELSE 'regions are not compared yet: each is checked by its own audit' END)
      INTO ok, count, sample FROM stream_heads h;
  ELSE
    RAISE EXCEPTION 'there is no invariant % to be checked here', a_id;
  END IF;
END $$;

-- Result: all of them, in one snapshot.
CREATE FUNCTION audit_checks(a_region text) RETURNS TABLE (id text, ok boolean, count bigint, sample jsonb) LANGUAGE sql STABLE AS $$
  SELECT c.* FROM unnest(ARRAY['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I8', 'I9', 'I10']) WITH ORDINALITY AS i (id, number)
    CROSS JOIN LATERAL audit_check(a_region, i.id) c ORDER BY i.number
$$;

-- What is under way: not an invariant, but whoever asks "is everything settled?" wants it.
CREATE FUNCTION audit_open(a_region text, OUT orders_total bigint, OUT orders_open bigint, OUT parked bigint, OUT adjustments_waiting bigint,
  OUT retrying bigint, OUT dead bigint) LANGUAGE sql STABLE AS $$
  SELECT o.total, o.total - e.total, (SELECT count(*) FROM parked_orders WHERE region = a_region), x.next_seq - 1 - c.position,
    (SELECT count(*) FROM dead_letters WHERE region = a_region AND state = 1), (SELECT count(*) FROM dead_letters WHERE region = a_region AND state = 2)
  FROM stream_heads o, stream_heads e, stream_heads x, cursors c
  WHERE o.region = a_region AND o.stream = 'orders' AND e.region = a_region AND e.stream = 'executions'
    AND x.region = a_region AND x.stream = 'outbox' AND c.region = a_region AND c.consumer = 'balance' AND c.stream = 'outbox'
$$;

-- I7's pages: the orders after a_after (and up to a_to, 0 = all) with what became of them, by seq, a_limit orders at most; one row per
-- execution, or one with type 0 when there is none. cancel_requested is looked up on final records that are no full fill. lost:
-- simfill's cursor passed the order, and it is neither final nor parked.
CREATE FUNCTION audit_replay_page(a_region text, a_after bigint, a_to bigint, a_limit integer)
RETURNS TABLE (seq bigint, side smallint, quantity integer, price_cents bigint, simulation_seed text, cancel_requested boolean,
  lost boolean, type smallint, leg integer, leg_quantity integer, leg_price_cents bigint)
LANGUAGE sql STABLE SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
  WITH page AS MATERIALIZED (
    SELECT o.seq, o.side, o.quantity, o.price_cents, o.simulation_seed FROM orders o
    WHERE o.region = a_region AND o.seq > a_after AND (a_to = 0 OR o.seq <= a_to) AND o.kind = 1 ORDER BY o.seq LIMIT a_limit
  )
  SELECT p.seq, p.side, p.quantity, p.price_cents, p.simulation_seed,
    coalesce(e.leg = 0 AND (e.type <> 2 OR e.quantity < p.quantity), false) AND EXISTS (SELECT FROM orders r
      WHERE r.region = a_region AND r.client_id = '@cancel' AND r.idempotency_key = 'cancel:' || p.seq),
    coalesce(p.seq <= c.position, false) AND NOT EXISTS (SELECT FROM executions f WHERE f.region = a_region AND f.order_seq = p.seq AND f.leg = 0)
      AND NOT EXISTS (SELECT FROM parked_orders k WHERE k.region = a_region AND k.order_seq = p.seq),
    coalesce(e.type, 0::smallint), coalesce(e.leg, 0), coalesce(e.quantity, 0), coalesce(e.price_cents, 0)
  FROM page p LEFT JOIN executions e ON e.region = a_region AND e.order_seq = p.seq
    LEFT JOIN cursors c ON c.region = a_region AND c.consumer = 'simfill' AND c.stream = 'orders'
  ORDER BY p.seq, e.leg
$$;

-- ---- what the reconciler does every few seconds; bounded, by index, whatever the size of the tables ----

-- Result: one row: how much is stuck (order_oldest_ms: the oldest order that simfill should have brought to its end; of those it has parked,
-- since when it is due), and whether the balances of up to a_limit accounts after a_after are what their last ledger entry
-- says (that the entries follow from each other is checked by reconciler_audit_step as they come). last_account '' = no account is left.
CREATE FUNCTION reconciler_probe(a_region text, a_now timestamptz, a_after text, a_limit integer, OUT dead bigint, OUT retrying bigint,
  OUT orders_total bigint, OUT orders_open bigint, OUT outbox_waiting bigint, OUT outbox_oldest_ms bigint, OUT order_oldest_ms bigint,
  OUT last_account text, OUT mismatches bigint, OUT sample jsonb)
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
  SELECT count(*) FILTER (WHERE state = 2), count(*) FILTER (WHERE state = 1) INTO dead, retrying
    FROM dead_letters WHERE region = a_region AND state IN (1, 2);
  SELECT o.total, o.total - e.total, x.next_seq - 1 - c.position,
      coalesce((SELECT greatest(0, extract(epoch FROM a_now - w.created_at) * 1000) FROM outbox w
                WHERE w.region = a_region AND w.seq = c.position + 1), 0)
    INTO orders_total, orders_open, outbox_waiting, outbox_oldest_ms
    FROM stream_heads o, stream_heads e, stream_heads x, cursors c
    WHERE o.region = a_region AND o.stream = 'orders' AND e.region = a_region AND e.stream = 'executions'
      AND x.region = a_region AND x.stream = 'outbox' AND c.region = a_region AND c.consumer = 'balance' AND c.stream = 'outbox';
  -- Few rows after simfill's cursor are final already: it lags behind by some thousands at most.
  SELECT coalesce(greatest(0, extract(epoch FROM a_now - least(
      (SELECT o.created_at FROM (SELECT n.seq, n.created_at FROM orders n, cursors c
          WHERE c.region = a_region AND c.consumer = 'simfill' AND c.stream = 'orders' AND n.region = a_region AND n.seq > c.position
            AND n.kind = 1 ORDER BY n.seq LIMIT 10000) o
        WHERE NOT EXISTS (SELECT FROM executions e WHERE e.region = a_region AND e.order_seq = o.seq AND e.leg = 0)
        ORDER BY o.seq LIMIT 1),
      (SELECT min(p.due_at) FROM parked_orders p WHERE p.region = a_region))) * 1000), 0) INTO order_oldest_ms;
  SELECT CASE WHEN count(*) = a_limit THEN max(p.account) ELSE '' END, count(*) FILTER (WHERE p.wrong),
      coalesce(jsonb_agg(jsonb_build_object('account', p.account, 'balanceCents', p.balance_cents, 'lastEntryCents', p.resulting_cents))
               FILTER (WHERE p.wrong AND p.number <= 5), '[]')
    INTO last_account, mismatches, sample
    FROM (SELECT b.account, b.balance_cents, l.resulting_cents, b.balance_cents <> coalesce(l.resulting_cents, 0)
            OR b.version <> coalesce(l.version, 0) AS wrong, row_number() OVER () AS number
          FROM (SELECT * FROM balances WHERE region = a_region AND account > a_after ORDER BY account LIMIT a_limit) b
          LEFT JOIN LATERAL (SELECT resulting_cents, version FROM ledger
            WHERE region = a_region AND account = b.account ORDER BY seq DESC LIMIT 1) l ON true) p;
END $$;

-- The entries of the balances stream in (a_after, a_to]: legs that do not cancel, figures that do not follow from the entry before,
-- fills whose order was not accepted with this sum.
CREATE FUNCTION reconciler_new_entries(a_region text, a_after bigint, a_to bigint) RETURNS TABLE (invariant text, violation jsonb)
LANGUAGE sql STABLE AS $$
  WITH entry AS MATERIALIZED (
    SELECT l.seq, l.account, l.owner, l.order_seq, l.delta_cents, l.resulting_cents, l.version, l.reason,
      lag(l.resulting_cents) OVER w AS before_cents, lag(l.version) OVER w AS before_version
    FROM ledger l WHERE l.region = a_region AND l.seq > a_after AND l.seq <= a_to WINDOW w AS (PARTITION BY l.account ORDER BY l.seq)
  ), linked AS (
    SELECT e.*, coalesce(e.before_cents, p.resulting_cents, 0) AS from_cents, coalesce(e.before_version, p.version, 0) AS from_version
    FROM entry e LEFT JOIN LATERAL (SELECT x.resulting_cents, x.version FROM ledger x
      WHERE e.before_version IS NULL AND x.region = a_region AND x.account = e.account AND x.seq < e.seq ORDER BY x.seq DESC LIMIT 1) p ON true
  )
  SELECT 'I2', jsonb_build_object('account', account, 'balancesSeq', seq, 'problem', 'does not follow from the entry before')
  FROM linked WHERE resulting_cents <> from_cents + delta_cents OR version <> from_version + 1
  UNION ALL
  SELECT 'I10', jsonb_build_object('balancesSeq', seq, 'problem', 'its legs do not cancel') FROM entry
  GROUP BY seq HAVING sum(delta_cents) <> 0 OR count(*) <> 2
  UNION ALL
  SELECT 'I1', jsonb_build_object('balancesSeq', e.seq, 'orderSeq', e.order_seq, 'problem', 'its order was not accepted with this sum')
  FROM entry e WHERE e.reason = 2 AND e.account <> '@market' AND NOT EXISTS (SELECT FROM executions f
    WHERE f.region = a_region AND f.order_seq = e.order_seq AND f.leg = 0 AND f.type = 2 AND f.user_id = e.account
      AND f.notional_cents = abs(e.delta_cents) AND (f.side = 1) = (e.delta_cents < 0))
$$;

-- The adjustments in (a_after, a_to], which balance has taken: no ledger entry and no dead letter, or both.
CREATE FUNCTION reconciler_new_adjustments(a_region text, a_after bigint, a_to bigint) RETURNS TABLE (invariant text, violation jsonb)
LANGUAGE sql STABLE AS $$
  SELECT 'I1', jsonb_build_object('outboxSeq', x.seq, 'orderSeq', x.order_seq, 'problem', 'must have a ledger entry or a dead letter, and not both')
  FROM outbox x LEFT JOIN dead_letters d ON d.region = a_region AND d.outbox_seq = x.seq
  WHERE x.region = a_region AND x.seq > a_after AND x.seq <= a_to
    AND (coalesce(d.state, 3) = 3) <> EXISTS (SELECT FROM ledger l WHERE l.region = a_region AND l.order_seq = x.order_seq
      AND l.owner = x.user_id AND l.account = x.user_id AND l.reason = 2 AND l.delta_cents = x.delta_cents)
$$;

-- The final records in (a_after, a_to]: no such order, or trades that do not add up to them.
CREATE FUNCTION reconciler_new_finals(a_region text, a_after bigint, a_to bigint) RETURNS TABLE (invariant text, violation jsonb)
LANGUAGE sql STABLE AS $$
  WITH final AS (
    SELECT f.seq, f.order_seq, f.quantity, f.notional_cents, o.quantity AS ordered, t.filled, t.notional
    FROM executions f LEFT JOIN orders o ON o.region = a_region AND o.seq = f.order_seq AND o.kind = 1 AND o.user_id = f.user_id
      CROSS JOIN LATERAL (SELECT coalesce(sum(quantity), 0) AS filled, coalesce(sum(notional_cents), 0) AS notional FROM executions
        WHERE region = a_region AND order_seq = f.order_seq AND leg > 0) t
    WHERE f.region = a_region AND f.seq > a_after AND f.seq <= a_to AND f.leg = 0
  )
  SELECT CASE WHEN ordered IS NULL THEN 'I5' ELSE 'I3' END, jsonb_build_object('executionsSeq', seq, 'orderSeq', order_seq,
    'problem', CASE WHEN ordered IS NULL THEN 'no such order' ELSE 'final record differs from its trades' END)
  FROM final WHERE ordered IS NULL OR quantity > ordered OR filled <> quantity OR notional <> notional_cents
$$;

-- Effect: checks what came since the last call, at most a_limit rows of each stream, writes a finding per broken invariant, moves the
-- reconciler's cursors. Result: how many violations, of which invariants, and how many rows are still to be looked at.
CREATE FUNCTION reconciler_audit_step(a_region text, a_now timestamptz, a_limit integer, OUT violations bigint, OUT invariants text, OUT behind bigint)
LANGUAGE plpgsql SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
DECLARE
  at record;
  found jsonb;
BEGIN
  INSERT INTO cursors (region, consumer, stream) SELECT a_region, 'reconciler', s FROM unnest(ARRAY['executions', 'outbox', 'balances']) s
    WHERE NOT EXISTS (SELECT FROM cursors c WHERE c.region = a_region AND c.consumer = 'reconciler' AND c.stream = s);
  -- One statement sees one snapshot: the heads and the rows below them.
  WITH bound AS MATERIALIZED (
    SELECT c.stream, c.position AS low, least(c.position + a_limit, CASE c.stream WHEN 'outbox' THEN b.position ELSE h.next_seq - 1 END) AS high,
      CASE c.stream WHEN 'outbox' THEN b.position ELSE h.next_seq - 1 END AS head
    FROM cursors c JOIN stream_heads h USING (region, stream)
      JOIN cursors b ON b.region = a_region AND b.consumer = 'balance' AND b.stream = 'outbox'
    WHERE c.region = a_region AND c.consumer = 'reconciler'
  ), broken AS MATERIALIZED (
    SELECT v.invariant, v.violation FROM bound CROSS JOIN LATERAL reconciler_new_entries(a_region, low, high) v WHERE stream = 'balances'
    UNION ALL
    SELECT v.invariant, v.violation FROM bound CROSS JOIN LATERAL reconciler_new_adjustments(a_region, low, high) v WHERE stream = 'outbox'
    UNION ALL
    SELECT v.invariant, v.violation FROM bound CROSS JOIN LATERAL reconciler_new_finals(a_region, low, high) v WHERE stream = 'executions'
  ), finding AS (
    INSERT INTO findings (region, invariant, count, sample, found_at)
      SELECT a_region, b.invariant, count(*), jsonb_path_query_array(jsonb_agg(b.violation), '$[0 to 4]'), a_now FROM broken b GROUP BY b.invariant
  ), moved AS (
    UPDATE cursors c SET position = bound.high FROM bound
      WHERE c.region = a_region AND c.consumer = 'reconciler' AND c.stream = bound.stream AND c.position < bound.high
  )
  SELECT (SELECT count(*) FROM broken), (SELECT coalesce(string_agg(DISTINCT b.invariant, ', '), '') FROM broken b),
    (SELECT coalesce(sum(bound.head - bound.high), 0) FROM bound) INTO violations, invariants, behind;
END $$;

-- Effect: raises or clears an alarm and says so on the ops stream; nothing when it is in that state already. Result: the event's seq, 0 =
-- nothing changed, and its payload.
CREATE FUNCTION reconciler_alarm(a_region text, a_id text, a_active boolean, a_severity text, a_message text, a_value double precision,
  a_now timestamptz, OUT ops_seq bigint, OUT payload jsonb) LANGUAGE plpgsql AS $$
DECLARE
  raised timestamptz;
BEGIN
  ops_seq := 0;
  -- The row is locked first: of two reconcilers that both believe they lead, one changes it and one finds it changed.
  INSERT INTO alarms VALUES (a_region, a_id, false, a_now, a_severity, '', 0) ON CONFLICT DO NOTHING;
  UPDATE alarms SET active = a_active, since = CASE WHEN a_active THEN a_now ELSE since END, severity = a_severity, message = a_message,
      value = a_value WHERE region = a_region AND id = a_id AND active <> a_active RETURNING since INTO raised;
  payload := jsonb_build_object('id', a_id, 'severity', a_severity, 'message', a_message, 'value', a_value,
    'since', to_char(raised AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'));
  IF FOUND THEN
    ops_seq := ops_append(a_region, (CASE WHEN a_active THEN 11 ELSE 12 END)::smallint, NULL, payload, a_now, NULL);
  END IF;
END $$;

CREATE FUNCTION reconciler_finding(a_region text, a_invariant text, a_count bigint, a_sample text, a_now timestamptz) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO findings (region, invariant, count, sample, found_at) VALUES (a_region, a_invariant, a_count, a_sample::jsonb, a_now)
$$;
