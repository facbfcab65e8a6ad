-- What the reconciler asks every few seconds grew with history: its probe joined simfill's cursor to the orders, so that all of them were walked
-- through (a second of it at 270,000 orders), and with few statistics the running audit kept a bitmap of a whole partial index for each step.

-- As in 0006_reconciler, with the cursor as a bound of the index.
CREATE OR REPLACE FUNCTION reconciler_probe(a_region text, a_now timestamptz, a_after text, a_limit integer, OUT dead bigint, OUT retrying bigint,
  OUT orders_total bigint, OUT orders_open bigint, OUT outbox_waiting bigint, OUT outbox_oldest_ms bigint, OUT order_oldest_ms bigint,
  OUT last_account text, OUT mismatches bigint, OUT sample jsonb)
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off
SET enable_material = off AS $$
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
      (SELECT o.created_at FROM (SELECT n.seq, n.kind, n.created_at FROM orders n WHERE n.region = a_region
            AND n.seq > (SELECT c.position FROM cursors c WHERE c.region = a_region AND c.consumer = 'simfill' AND c.stream = 'orders')
          ORDER BY n.seq LIMIT 10000) o
        WHERE o.kind = 1 AND NOT EXISTS (SELECT FROM executions e WHERE e.region = a_region AND e.order_seq = o.seq AND e.leg = 0)
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

ALTER FUNCTION reconciler_audit_step(text, timestamptz, integer) SET enable_bitmapscan = off SET enable_material = off;
