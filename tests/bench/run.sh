#!/usr/bin/env bash
# run: what "./tulip bench" does. Loads the running instance, then a naive service on a scratch database of the same PostgreSQL, one
# after the other, and prints both in one table. Figures, never a pass or a fail by absolute time; it fails when an order got no answer.
set -euo pipefail

TULIP_HOME=$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")
for part in common build settings postgres; do
  # shellcheck source=/dev/null
  source "$TULIP_HOME/deploy/local/$part.sh"
done

SCRATCH_DATABASE=tulip_bench_naive
CONNECTIONS=64 RUN_SECONDS=10 WARMUP=1 RATE=0 THREADS=16 SKIP_NAIVE=no NAIVE_DATABASE="" PORT=8080
DATA_DIR=./.tulip

usage() {
  cat <<'END'
usage: ./tulip bench [--data DIR] [--port N] [--connections 64] [--seconds 10] [--warmup 1] [--rate ORDERS_PER_SECOND]
                     [--threads 16] [--skip-naive] [--naive-database URL]
  Posts orders to the running instance, waits until all are in the ledger, then lets a naive one-transaction-per-order service write the
  same rows, with a pool of --threads connections. --rate: a steady rate instead of as fast as answers come. --naive-database: an empty
  scratch database for the naive service; needed only with TB_DATABASE_URL.
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
      --data | --port | --connections | --seconds | --warmup | --rate | --threads | --naive-database)
        (($# > 1)) || fail "$1 needs a value"
        case $1 in
          --data) DATA_DIR=$2 ;;
          --port) PORT=$2 ;;
          --connections) CONNECTIONS=$2 ;;
          --seconds) RUN_SECONDS=$2 ;;
          --warmup) WARMUP=$2 ;;
          --rate) RATE=$2 ;;
          --threads) THREADS=$2 ;;
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

main() {
  read_arguments "$@"
  instance_open "$DATA_DIR"
  [[ -n ${TB_BUILD_DIR-} ]] || build_run "$BUILD" Release tb-bench tb-bench-naive
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
