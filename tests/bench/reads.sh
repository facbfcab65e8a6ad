#!/usr/bin/env bash
# reads: what every read of the gateway costs on a running instance's present history: the buffers its statement touches and its time in the
# database (EXPLAIN (ANALYZE, BUFFERS), as the gateway's role, warm), plans that scan a table, and its time over HTTP. A table in Markdown on
# standard output. The best of several: on a machine that does other things too, that is what the read itself takes. tests/bench/history.sh makes a long history.
set -euo pipefail

TULIP_HOME=$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")
COMMAND=reads
for part in common settings postgres; do
  # shellcheck source=/dev/null
  source "$TULIP_HOME/deploy/local/$part.sh"
done
DATA_DIR=./.tulip PORT=8080 TIMES=30 LABEL="" SCANS=0
NEWEST=9223372036854775807

usage() {
  printf 'usage: tests/bench/reads.sh [--data DIR] [--port N] [--times 30]\n' >&2
  exit 2
}

while (($# > 0)); do
  (($# > 1)) || usage
  case $1 in
    --data) DATA_DIR=$2 ;;
    --port) PORT=$2 ;;
    --times) TIMES=$2 ;;
    *) usage ;;
  esac
  shift 2
done

value() {
  psql_as tb_gateway -qAtc "$1"
}

# touched CALL: the buffers and milliseconds of the best of five executions, and how many sequential scans of a stream table the plans have.
touched() {
  local log explain=()
  log=$(mktemp)
  while ((${#explain[@]} < 10)); do explain+=(-c "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM $1"); done
  psql_superuser "$DATABASE" -qAt -v ON_ERROR_STOP=1 -c "LOAD 'auto_explain'" -c 'SET auto_explain.log_nested_statements = on' \
    -c 'SET auto_explain.log_min_duration = 0' -c 'SET auto_explain.log_level = notice' -c 'SET ROLE tb_gateway' -c 'SET enable_seqscan = off' \
    -c 'SET enable_hashjoin = off' -c 'SET enable_mergejoin = off' -c 'SET enable_material = off' -c "SELECT count(*) FROM $1" -c 'RESET ROLE' \
    -c 'SET auto_explain.log_min_duration = -1' -c 'SET ROLE tb_gateway' "${explain[@]}" 2>"$log" | sed 1d |
    jq -rs 'map(.[0] | {buffers: (.Plan["Shared Hit Blocks"] + .Plan["Shared Read Blocks"]), ms: .["Execution Time"]}) | "\(map(.buffers) | min) \(map(.ms) | min)"' |
    tr '\n' ' '
  grep -cE 'Seq Scan on (orders|executions|ledger|outbox|candles|balance_events|ops_events)' "$log" || true
  rm -f "$log"
}

# over_http PATH: the best and the median of TIMES requests on one connection, in milliseconds.
over_http() {
  local urls=() index
  for ((index = 0; index < TIMES; index++)); do urls+=("http://127.0.0.1:$PORT$1"); done
  curl -s -w '%{stderr}%{http_code} %{time_total}\n' "${urls[@]}" 2>&1 >/dev/null | awk '$1 == 200 { print $2 * 1000; next } { print "status " $1 >"/dev/stderr" }' |
    sort -n | awk '{ t[NR] = $1 } END { if (NR == 0) print "- -"; else printf "%.1f %.1f\n", t[1], t[int((NR + 1) / 2)] }'
}

# read_one TITLE CALL PATH: a line of the table. CALL "" = no statement behind it.
read_one() {
  local buffers="-" milliseconds="-" scans=0 best median
  [[ -z $2 ]] || read -r buffers milliseconds scans < <(touched "$2")
  read -r best median < <(over_http "$3")
  printf '| %s | %s | %s | %s | %s | %s |\n' "$1" "$buffers" "$([[ $milliseconds == - ]] && echo - || printf '%.1f' "$milliseconds")" "$scans" "$best" "$median"
  SCANS=$((SCANS + scans))
}

# What is asked for: things in the middle and at the end of the history.
examples() {
  REGION=$(settings_get TB_REGION nl-1)
  LAST=$(value "SELECT next_seq - 1 FROM stream_heads WHERE region = '$REGION' AND stream = 'orders'")
  MIDDLE=$(value "SELECT seq FROM orders WHERE region = '$REGION' AND seq > $LAST / 2 AND kind = 1 AND simulation_seed = 'partial:3' ORDER BY seq LIMIT 1")
  read -r CLIENT KEY TRACE AT <<<"$(value "SELECT client_id, idempotency_key, replace(trace_id::text, '-', ''), time_text(created_at) FROM orders WHERE region = '$REGION' AND seq = $MIDDLE" | tr '|' ' ')"
  EXECUTED=$(value "SELECT seq FROM executions WHERE region = '$REGION' AND order_seq = $MIDDLE AND leg = 0")
  SETTLED=$(value "SELECT seq FROM ledger WHERE region = '$REGION' AND order_seq = $MIDDLE AND account <> '@market'")
  LABEL=$(value "SELECT total FROM stream_heads WHERE region = '$REGION' AND stream = 'orders'")
}

cursor() { # cursor LIST KEY, as cursor_text() writes it
  printf '%s:%s' "$1" "$2" | base64 -w0 | tr '+/' '-_' | tr -d '='
}

table() {
  local r="'$REGION'" n=$NEWEST
  printf '| read, %s orders | buffers | ms in the database | sequential scans | ms over HTTP, best | median |\n|---|---|---|---|---|---|\n' "$LABEL"
  read_one 'orders' "api_orders($r, NULL, NULL, NULL, NULL, $n, 50)" '/api/orders'
  read_one 'orders, from the middle' "api_orders($r, NULL, NULL, NULL, NULL, $MIDDLE, 50)" "/api/orders?cursor=$(cursor o1 "$MIDDLE")"
  read_one 'orders of a user' "api_orders($r, 'clusius', NULL, NULL, NULL, $n, 50)" '/api/orders?userId=clusius'
  read_one 'orders of a user, from the middle' "api_orders($r, 'clusius', NULL, NULL, NULL, $MIDDLE, 50)" "/api/orders?userId=clusius&cursor=$(cursor o1 "$MIDDLE")"
  read_one 'orders, PENDING' "api_orders($r, NULL, 1, NULL, NULL, $n, 50)" '/api/orders?status=PENDING'
  read_one 'orders, ACCEPTED' "api_orders($r, NULL, 2, NULL, NULL, $n, 50)" '/api/orders?status=ACCEPTED'
  read_one 'orders, CANCELLED' "api_orders($r, NULL, 3, NULL, NULL, $n, 50)" '/api/orders?status=CANCELLED'
  read_one 'orders, REJECTED (none)' "api_orders($r, NULL, 4, NULL, NULL, $n, 50)" '/api/orders?status=REJECTED'
  read_one 'orders of a user, CANCELLED' "api_orders($r, 'trader-7', 3, NULL, NULL, $n, 50)" '/api/orders?userId=trader-7&status=CANCELLED'
  read_one 'orders of a user, ACCEPTED, SELL' "api_orders($r, 'trader-7', 2, 2, NULL, $n, 50)" '/api/orders?userId=trader-7&status=ACCEPTED&side=SELL'
  read_one 'orders, BUY' "api_orders($r, NULL, NULL, 1, NULL, $n, 50)" '/api/orders?side=BUY'
  read_one 'orders of a client' "api_orders($r, NULL, NULL, NULL, 'client-7', $n, 50)" '/api/orders?clientId=client-7'
  read_one 'orders of an unknown client' "api_orders($r, NULL, NULL, NULL, 'no-such-client', $n, 50)" '/api/orders?clientId=no-such-client'
  read_one 'orders of a user and an unknown client' "api_orders($r, 'clusius', NULL, NULL, 'no-such-client', $n, 50)" '/api/orders?userId=clusius&clientId=no-such-client'
  read_one 'orders as CSV, 200' "api_orders_csv($r, NULL, NULL, NULL, NULL, $n, 200)" '/api/orders?format=csv&limit=200'
  read_one 'an order' "api_order($r, $MIDDLE)" "/api/orders/$REGION.$MIDDLE"
  read_one 'an order by key' "api_order_by_key($r, '$CLIENT', '$KEY')" "/api/orders/by-key?clientId=$CLIENT&idempotencyKey=$KEY"
  read_one 'trades' "api_trades($r, NULL, NULL, $n, 50)" '/api/trades'
  read_one 'trades, from the middle' "api_trades($r, NULL, NULL, $EXECUTED, 50)" "/api/trades?cursor=$(cursor t1 "$EXECUTED")"
  read_one 'trades of a user' "api_trades($r, 'clusius', NULL, $n, 50)" '/api/trades?userId=clusius'
  read_one 'trades of an order' "api_trades($r, NULL, $MIDDLE, $n, 50)" "/api/trades?orderId=$REGION.$MIDDLE"
  read_one 'balances' "api_balances($r, '', 50, NULL)" '/api/balances'
  read_one 'balances as of the middle' "api_balances($r, '', 50, '$AT')" "/api/balances?asOf=$AT"
  read_one 'a balance' "api_balance($r, 'clusius', 10, NULL)" '/api/balances/clusius'
  read_one 'a balance as of the middle' "api_balance($r, 'clusius', 10, '$AT')" "/api/balances/clusius?asOf=$AT"
  read_one 'ledger' "api_ledger($r, 'clusius', $n, 50, NULL)" '/api/balances/clusius/ledger'
  read_one 'ledger, from the middle' "api_ledger($r, 'clusius', $SETTLED, 50, NULL)" "/api/balances/clusius/ledger?cursor=$(cursor l1 "$SETTLED")"
  read_one 'ledger as of the middle' "api_ledger($r, 'clusius', $n, 50, '$AT')" "/api/balances/clusius/ledger?asOf=$AT"
  read_one 'ledger of the counter-account' "api_ledger($r, '@market', $n, 50, NULL)" '/api/balances/@market/ledger'
  read_one 'portfolio' "api_portfolio($r, 'clusius')" '/api/portfolio/clusius'
  read_one 'candles, 1m' "api_candles($r, '1m', 1, 50)" '/api/candles?interval=1m'
  read_one 'candles, 1h, 200' "api_candles($r, '1h', 60, 200)" '/api/candles?interval=1h&limit=200'
  read_one 'market' "api_market($r)" '/api/market'
  read_one 'pulse' "api_pulse($r)" '/api/metrics/pulse'
  read_one 'events, orders, the first' "api_events($r, 'orders', 0, 100, NULL, NULL, NULL)" '/api/events?stream=orders&afterSeq=0&limit=100'
  read_one 'events, orders, from the middle' "api_events($r, 'orders', $MIDDLE, 100, NULL, NULL, NULL)" "/api/events?stream=orders&afterSeq=$MIDDLE&limit=100"
  read_one 'events, executions, from the middle' "api_events($r, 'executions', $EXECUTED, 100, NULL, NULL, NULL)" "/api/events?stream=executions&afterSeq=$EXECUTED&limit=100"
  read_one 'events, balances, from the middle' "api_events($r, 'balances', $SETTLED, 100, NULL, NULL, NULL)" "/api/events?stream=balances&afterSeq=$SETTLED&limit=100"
  read_one 'events, orders of a user' "api_events($r, 'orders', $MIDDLE, 100, NULL, 'trader-7', NULL)" "/api/events?stream=orders&afterSeq=$MIDDLE&limit=100&userId=trader-7"
  read_one 'events, executions of a user' "api_events($r, 'executions', $EXECUTED, 100, NULL, 'trader-7', NULL)" "/api/events?stream=executions&afterSeq=$EXECUTED&limit=100&userId=trader-7"
  read_one 'events, executions of a user who has none' "api_events($r, 'executions', $EXECUTED, 100, NULL, 'nobody', NULL)" "/api/events?stream=executions&afterSeq=$EXECUTED&limit=100&userId=nobody"
  read_one 'events, balances of a user' "api_events($r, 'balances', $SETTLED, 100, NULL, 'trader-7', NULL)" "/api/events?stream=balances&afterSeq=$SETTLED&limit=100&userId=trader-7"
  read_one 'events, OrderCancelled' "api_events($r, 'executions', $EXECUTED, 100, 'OrderCancelled', NULL, NULL)" "/api/events?stream=executions&afterSeq=$EXECUTED&limit=100&type=OrderCancelled"
  read_one 'events, DeadLettered (none)' "api_events($r, 'balances', 0, 100, 'DeadLettered', NULL, NULL)" '/api/events?stream=balances&afterSeq=0&limit=100&type=DeadLettered'
  read_one 'events of an order' "api_events($r, 'executions', 0, 100, NULL, NULL, $MIDDLE)" "/api/events?stream=executions&afterSeq=0&limit=100&orderId=$REGION.$MIDDLE"
  read_one 'events, ops' "api_events($r, 'ops', 0, 100, NULL, NULL, NULL)" '/api/events?stream=ops&afterSeq=0&limit=100'
  read_one 'a trace' "api_trace($r, '$TRACE'::uuid)" "/api/traces/$TRACE"
  read_one 'dead letters' "api_dlq($r, $n, 50)" '/api/dlq'
  read_one 'alarms' "api_alarms($r)" '/api/alarms'
  read_one 'personas' "api_personas(NULL, NULL)" '/api/personas'
  read_one 'status' '' '/api/status'
  read_one 'logs of an order' '' "/api/logs?orderId=$REGION.$MIDDLE"
  read_one 'metrics' '' '/metrics'
}

main() {
  instance_open "$DATA_DIR"
  examples
  table
  ((SCANS == 0)) || warn "$SCANS plans scan a stream table"
  ((SCANS == 0))
}

main
