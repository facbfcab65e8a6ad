#!/usr/bin/env bash
# run: what "./tulip bench" does. Loads the running instance, then a naive service on a scratch database of the same PostgreSQL, one
# after the other, and prints both in one table; with --subscribers, the instance alone and with so many readers of its event streams. Figures, never a
# pass or a fail by absolute time; it fails when an order got no answer, or when a reader's chain was broken or its stream ended.
set -euo pipefail

TULIP_HOME=$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")
for part in common build settings postgres; do
  # shellcheck source=/dev/null
  source "$TULIP_HOME/deploy/local/$part.sh"
done

SCRATCH_DATABASE=tulip_bench_naive
CONNECTIONS=64 RUN_SECONDS=10 WARMUP=1 RATE=0 THREADS=16 SUBSCRIBERS=0 SKIP_NAIVE=no NAIVE_DATABASE="" PORT=8080
DATA_DIR=./.tulip

usage() {
  cat <<'END'
usage: ./tulip bench [--data DIR] [--port N] [--connections 64] [--seconds 10] [--warmup 1] [--rate ORDERS_PER_SECOND]
                     [--threads 16] [--skip-naive] [--naive-database URL]
       ./tulip bench --subscribers 1000 [--rate 2000] [--data DIR] [--port N] [--connections 64] [--seconds 10] [--warmup 1]
  Posts orders to the running instance, waits until all are in the ledger, then lets a naive one-transaction-per-order service write the
  same rows, with a pool of --threads connections. --rate: a steady rate instead of as fast as answers come. --naive-database: an empty
  scratch database for the naive service; needed only with TB_DATABASE_URL.
  --subscribers: no naive service; a steady rate of orders alone, then beside so many open event streams (half SSE, half WebSocket).
  Start the instance with TB_SIMFILL_DELAY_MS=0 to leave the simulated delay of fills out of "settled".
END
}

read_arguments() {
  while (($# > 0)); do
    case $1 in
      --*=*)
        set -- "${1%%=*}" "${1#*=}" "${@:2}"
        continue
        ;;
      --skip-naive) SKIP_NAIVE=yes ;;
      --help)
        usage
        exit 0
        ;;
      --data | --port | --connections | --seconds | --warmup | --rate | --threads | --subscribers | --naive-database)
        (($# > 1)) || fail "$1 needs a value"
        case $1 in
          --data) DATA_DIR=$2 ;;
          --port) PORT=$2 ;;
          --connections) CONNECTIONS=$2 ;;
          --seconds) RUN_SECONDS=$2 ;;
          --warmup) WARMUP=$2 ;;
          --rate) RATE=$2 ;;
          --threads) THREADS=$2 ;;
          --subscribers) SUBSCRIBERS=$2 ;;
          --naive-database) NAIVE_DATABASE=$2 ;;
        esac
        shift
        ;;
      *)
        usage >&2
        exit 2
        ;;
    esac
    shift
  done
}

# figure LINES NAME: the value of a "name value" line; "-" when there is none.
figure() {
  awk -v name="$2" '$1 == name {print $2; found = 1} END {if (!found) print "-"}' <<<"$1"
}

scratch_drop() {
  psql_superuser postgres -qc "DROP DATABASE IF EXISTS $SCRATCH_DATABASE WITH (FORCE)" 2>/dev/null || true
}

# Effect: an empty database with the stream tables; NAIVE_DATABASE names it.
scratch_make() {
  if [[ -z $NAIVE_DATABASE ]]; then
    trap scratch_drop EXIT
    scratch_drop
    psql_superuser postgres -qc "CREATE DATABASE $SCRATCH_DATABASE"
    NAIVE_DATABASE="postgresql:///$SCRATCH_DATABASE?host=$(url_encode "$RUN_DIR")&user=$SERVICE_USER"
  fi
  "$PG_BIN/psql" -X -d "$NAIVE_DATABASE" -q -1 -v ON_ERROR_STOP=1 -f - <"$TULIP_HOME/sql/0001_streams/up.sql" >/dev/null
}

# row TITLE OURS NAIVE: a line of the table; with a number on both sides the ratio too.
row() {
  awk -v title="$1" -v ours="$2" -v naive="$3" -v ratio="${4-}" 'BEGIN {
    shown = (ratio == "ratio" && ours + 0 > 0 && naive + 0 > 0) ? sprintf("%.1f x", ours / naive) : ""
    printf "%-28s %14s %14s %10s\n", title, ours, naive, shown }'
}

table() {
  local ours=$1 naive=$2 percentile
  echo
  printf '%-28s %14s %14s %10s\n' "" TulipBroker naive ratio
  row "orders/s acknowledged" "$(figure "$ours" orders_per_second)" "$(figure "$naive" orders_per_second)" ratio
  row "orders/s in the ledger" "$(figure "$ours" settled_per_second)" "$(figure "$naive" orders_per_second)" ratio
  for percentile in p50 p95 p99 max; do
    row "acknowledged $percentile, ms" "$(figure "$ours" "acknowledge_${percentile}_ms")" "$(figure "$naive" "commit_${percentile}_ms")"
  done
  echo
  say "TulipBroker: over HTTP, $CONNECTIONS connections, load generator on the same machine." \
    "naive: no HTTP, $THREADS connections to the database."
  say "$(figure "$ours" orders_acknowledged) orders acknowledged, $(figure "$ours" retried) retries," \
    "$(figure "$ours" refused) refused, $(figure "$ours" unresolved) without an answer"
}

# load: orders at the steady rate; "name value" lines.
load() {
  "$BIN/tb-bench" --port "$PORT" --connections "$CONNECTIONS" --seconds "$RUN_SECONDS" --warmup "$WARMUP" --rate "$RATE" --settled
}

# ratio_row TITLE ALONE WITH: a line of the table, with WITH divided by ALONE.
ratio_row() {
  awk -v title="$1" -v alone="$2" -v beside="$3" 'BEGIN {
    printf "%-28s %14s %14s %10s\n", title, alone, beside, (alone + 0 > 0 && beside + 0 > 0) ? sprintf("%.2f", beside / alone) : "" }'
}

# subscribers: the load alone, then beside SUBSCRIBERS readers, in one table. Return: 1 when an order got no answer, a chain broke or a stream ended.
subscribers() {
  local notes alone="" beside="" readers="" failed=0 tries=0 pid name
  notes=$(mktemp -d)
  # shellcheck disable=SC2064
  trap "rm -rf '$notes'" EXIT
  ((RATE > 0)) || RATE=2000
  alone=$(load) || failed=1
  [[ -n $alone ]] || fail "no figures from port $PORT" "Is it running? ./tulip up --data $DATA"
  "$BIN/tb-bench-subscribers" --port "$PORT" --subscribers "$SUBSCRIBERS" --seconds "$((RUN_SECONDS + WARMUP + 2))" >"$notes/figures" 2>"$notes/words" &
  pid=$!
  until grep -q subscribed "$notes/words"; do
    kill -0 "$pid" 2>/dev/null || fail "the readers could not subscribe: $(cat "$notes/words")"
    ((tries++ < 600)) || fail "the readers did not subscribe within a minute"
    sleep 0.1
  done
  beside=$(load) || failed=1
  wait "$pid" || failed=1
  readers=$(<"$notes/figures")
  echo
  printf '%-28s %14s %14s %10s\n' "" alone "$SUBSCRIBERS readers" ratio
  ratio_row "orders/s acknowledged" "$(figure "$alone" orders_per_second)" "$(figure "$beside" orders_per_second)"
  for name in p50 p95 p99 max; do
    ratio_row "acknowledged $name, ms" "$(figure "$alone" "acknowledge_${name}_ms")" "$(figure "$beside" "acknowledge_${name}_ms")"
  done
  for name in p50 p99; do
    ratio_row "event delivered $name, ms" - "$(figure "$readers" "delivery_${name}_ms")"
  done
  ratio_row "events/s delivered" - "$(figure "$readers" events_per_second)"
  ratio_row "gateway memory, MiB" - "$(figure "$readers" gateway_memory_mib)"
  echo
  say "$(figure "$readers" subscribers_open) of $SUBSCRIBERS streams open at the end, $(figure "$readers" chains_broken) chains broken;" \
    "$(figure "$beside" orders_acknowledged) orders acknowledged beside them, $(figure "$beside" unresolved) without an answer." \
    "Load generator and readers on the same machine."
  return "$failed"
}

main() {
  read_arguments "$@"
  instance_open "$DATA_DIR"
  [[ -n ${TB_BUILD_DIR-} ]] || build_run "$BUILD" Release tb-bench tb-bench-naive tb-bench-subscribers
  if ((SUBSCRIBERS > 0)); then
    subscribers
    return
  fi
  local ours naive="" failed=0
  ours=$("$BIN/tb-bench" --port "$PORT" --connections "$CONNECTIONS" --seconds "$RUN_SECONDS" --warmup "$WARMUP" --rate "$RATE" --settled) || failed=1
  [[ -n $ours ]] || fail "no figures from port $PORT" "Is it running? ./tulip up --data $DATA"
  if [[ $SKIP_NAIVE == no && -n ${TB_DATABASE_URL-} && -z $NAIVE_DATABASE ]]; then
    warn "no naive service beside TB_DATABASE_URL without --naive-database URL"
  elif [[ $SKIP_NAIVE == no ]]; then
    scratch_make
    naive=$("$BIN/tb-bench-naive" --database "$NAIVE_DATABASE" --threads "$THREADS" --seconds "$RUN_SECONDS" --warmup "$WARMUP") || failed=1
  fi
  table "$ours" "$naive"
  exit "$failed"
}

main "$@"
