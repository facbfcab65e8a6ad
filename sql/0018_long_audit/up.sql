-- Replaying a history was quadratic: with statistics the planner kept, for each page of a thousand orders, all cancel requests and all final
-- records there are in a hash (0.8 s a page at a million orders). A page reads its own range of two indexes now, whatever the statistics say.

-- As in 0006_reconciler. What an order's rows say together (whether one is final) is seen by the window, and what few rows need is looked up
-- for those alone.
CREATE OR REPLACE FUNCTION audit_replay_page(a_region text, a_after bigint, a_to bigint, a_limit integer)
RETURNS TABLE (seq bigint, side smallint, quantity integer, price_cents bigint, simulation_seed text, cancel_requested boolean,
  lost boolean, type smallint, leg integer, leg_quantity integer, leg_price_cents bigint)
LANGUAGE plpgsql STABLE SET enable_hashjoin = off SET enable_nestloop = off SET enable_seqscan = off SET enable_bitmapscan = off
SET enable_material = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
  last_seq bigint := (SELECT max(n.seq) FROM (SELECT o.seq FROM orders o
    WHERE o.region = a_region AND o.seq > a_after AND (a_to = 0 OR o.seq <= a_to) AND o.kind = 1 ORDER BY o.seq LIMIT a_limit) n);
  passed   bigint := (SELECT c.position FROM cursors c WHERE c.region = a_region AND c.consumer = 'simfill' AND c.stream = 'orders');
BEGIN
  RETURN QUERY
    SELECT p.seq, p.side, p.quantity, p.price_cents, p.simulation_seed,
      CASE WHEN e.leg = 0 AND (e.type <> 2 OR e.quantity < p.quantity) THEN (SELECT true FROM orders r
        WHERE r.region = a_region AND r.client_id = '@cancel' AND r.idempotency_key = 'cancel:' || p.seq LIMIT 1) IS NOT NULL ELSE false END,
      CASE WHEN p.seq <= passed AND coalesce(min(e.leg) OVER (PARTITION BY p.seq), 1) <> 0 THEN (SELECT true FROM parked_orders k
        WHERE k.region = a_region AND k.order_seq = p.seq LIMIT 1) IS NULL ELSE false END,
      coalesce(e.type, 0::smallint), coalesce(e.leg, 0), coalesce(e.quantity, 0), coalesce(e.price_cents, 0)
    FROM (SELECT o.seq, o.side, o.quantity, o.price_cents, o.simulation_seed FROM orders o
          WHERE o.region = a_region AND o.seq > a_after AND o.seq <= last_seq AND o.kind = 1 ORDER BY o.seq OFFSET 0) p
      LEFT JOIN (SELECT x.order_seq, x.type, x.leg, x.quantity, x.price_cents FROM executions x
          WHERE x.region = a_region AND x.order_seq > a_after AND x.order_seq <= last_seq ORDER BY x.order_seq, x.leg OFFSET 0) e
        ON e.order_seq = p.seq
    ORDER BY p.seq, e.leg;
END $$;
