#include "audit_history.h"

#include "testdb.h"

/* One batch of simfill: executions as (order, type, side, leg, quantity, notional), all at 100.00, and the adjustments
 * they bring. */
static const char fill_function[] =
    "CREATE FUNCTION pg_temp.fill(a_cursor bigint, a_executions text, a_parks bigint[]) RETURNS void LANGUAGE plpgsql "
    "AS $f$ "
    "DECLARE x jsonb := a_executions; e bigint; n bigint; o bigint; BEGIN"
    " SELECT epoch, next_seq INTO e, n FROM stream_heads WHERE stream = 'executions';"
    " SELECT next_seq INTO o FROM stream_heads WHERE stream = 'outbox';"
    " CREATE TEMP TABLE f ON COMMIT DROP AS SELECT i, (r->>0)::bigint AS ord, (r->>1)::smallint AS type, "
    "(r->>2)::integer AS leg,"
    "   (r->>3)::integer AS quantity FROM jsonb_array_elements(x) WITH ORDINALITY AS a (r, i);"
    " PERFORM simfill_append('nl-1', e, n, o, a_cursor, now(), 'a',"
    "  (SELECT array_agg(ord ORDER BY i) FROM f), (SELECT array_agg(type ORDER BY i) FROM f),"
    "  (SELECT array_agg(r.side ORDER BY i) FROM f JOIN orders r ON r.seq = ord), (SELECT array_agg(leg ORDER BY i) "
    "FROM f),"
    "  (SELECT array_agg(f.quantity ORDER BY i) FROM f), (SELECT array_agg(CASE WHEN f.quantity > 0 THEN 10000 ELSE 0 "
    "END::bigint ORDER BY i) FROM f),"
    "  (SELECT array_agg(f.quantity * 10000::bigint ORDER BY i) FROM f), (SELECT array_agg(r.user_id ORDER BY i) FROM "
    "f JOIN orders r ON r.seq = ord),"
    "  p.orders, p.deltas, p.prices, p.quantities, p.sides, p.faults, p.created, p.traces, p.users,"
    "  a_parks, array_fill(NULL::bigint, ARRAY[cardinality(a_parks)]), ARRAY(SELECT ord FROM f WHERE leg = 0))"
    "  FROM (SELECT coalesce(array_agg(ord ORDER BY i), '{}') AS orders,"
    "    coalesce(array_agg(CASE r.side WHEN 1 THEN -1 ELSE 1 END * f.quantity * 10000::bigint ORDER BY i), '{}') AS "
    "deltas,"
    "    coalesce(array_agg(10000::bigint ORDER BY i), '{}') AS prices, coalesce(array_agg(f.quantity ORDER BY i), "
    "'{}') AS quantities,"
    "    coalesce(array_agg(r.side ORDER BY i), '{}') AS sides,"
    "    coalesce(array_agg(CASE r.simulation_seed WHEN 'poison-balance' THEN 1 ELSE 0 END::smallint ORDER BY i), "
    "'{}') AS faults,"
    "    coalesce(array_agg(r.created_at ORDER BY i), '{}') AS created, coalesce(array_agg(r.trace_id ORDER BY i), "
    "'{}') AS traces,"
    "    coalesce(array_agg(r.user_id ORDER BY i), '{}') AS users FROM f JOIN orders r ON r.seq = ord WHERE type = 2) "
    "p;"
    " DROP TABLE f; END $f$;";

static const char history[] =
    "SELECT take_epoch('nl-1', s) FROM unnest(ARRAY['orders', 'executions', 'balances']) s;"
    "SELECT sequencer_append('nl-1', 1, 1, now(), ARRAY['clusius', 'oosterwijck', 'clusius', 'clusius', 'leeuwenhoek', "
    "'clusius'],"
    "  array_fill('web'::text, ARRAY[6]), ARRAY['k1', 'k2', 'k3', 'k4', 'k5', 'k6'],"
    "  ARRAY['any', 'partial:3', 'cancel', 'hang', 'poison-balance', 'hang'], ARRAY[1, 2, 1, 1, 1, 2]::smallint[],"
    "  array_fill(1::smallint, ARRAY[6]), ARRAY[10, 6, 5, 5, 4, 3], array_fill(10000::bigint, ARRAY[6]), "
    "array_fill(false, ARRAY[6]),"
    "  array_fill(0::bigint, ARRAY[6]), ARRAY(SELECT gen_random_uuid() FROM generate_series(1, 6)));"
    "SELECT sequencer_cancel('nl-1', 1, 7, now(), 100, ARRAY[6]::bigint[], ARRAY['']::text[], ARRAY[NULL]::uuid[]);"
    "SELECT sequencer_append('nl-1', 1, 8, now(), ARRAY['clusius', 'clusius'], ARRAY['web', 'web'], ARRAY['k8', 'k9'], "
    "ARRAY['any', 'any'],"
    "  ARRAY[2, 1]::smallint[], ARRAY[1, 1]::smallint[], ARRAY[7, 2], ARRAY[10000, 10000]::bigint[], ARRAY[false, "
    "false],"
    "  ARRAY[0, 0]::bigint[], ARRAY[gen_random_uuid(), gen_random_uuid()]);"
    "SELECT pg_temp.fill(4, '[[1,1,1,10],[1,2,0,10],[2,1,1,2],[2,1,2,2],[2,1,3,2],[2,2,0,6],[3,3,0,0]]', "
    "ARRAY[4]::bigint[]);"
    "SELECT pg_temp.fill(8, '[[5,1,1,4],[5,2,0,4],[6,3,0,0],[8,1,1,7],[8,2,0,7]]', '{}');"
    "SELECT balance_open('nl-1', 1, 1, 100, 1000000, now());"
    "SELECT balance_apply('nl-1', 1, 4, 1, 2, now());"
    "SELECT balance_fail('nl-1', 1, 6, 3, 1, true, NULL, now(), 'TB010: poisoned');";

void audit_history_write(const char *url)
{
    testdb_run(url, "%s%s", fill_function, history);
}
