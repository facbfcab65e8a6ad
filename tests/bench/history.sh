#!/usr/bin/env bash
# history: fills a running instance's database with so many orders as if they had come one after the other, and everything that follows from
# them (executions, candles, outbox, ledger, balances, positions), so that reads, audit and recovery can be measured on a long history. The
# actors are stopped meanwhile. Goes on from what is there; the audit holds afterwards.
set -euo pipefail

TULIP_HOME=$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")
ACTORS=(sequencer simfill balance persona reconciler gateway)
COMMAND=history
for part in common settings postgres supervise; do
  # shellcheck source=/dev/null
  source "$TULIP_HOME/deploy/local/$part.sh"
done
DATA_DIR=./.tulip ORDERS=0 PERSONAS=200 PART=200000

usage() {
  printf 'usage: tests/bench/history.sh --orders N [--data DIR] [--personas 200]\n  N rows of the orders stream in all, those that are there included.\n' >&2
  exit 2
}

while (($# > 0)); do
  (($# > 1)) || usage
  case $1 in
    --orders) ORDERS=$2 ;;
    --data) DATA_DIR=$2 ;;
    --personas) PERSONAS=$2 ;;
    *) usage ;;
  esac
  shift 2
done
[[ $ORDERS =~ ^[1-9][0-9]*$ && $PERSONAS =~ ^[0-9]+$ ]] || usage

# Effect: every actor stopped and held down; the database goes on.
actors_hold() {
  local name
  for name in $(service_names); do
    [[ $name == postgres ]] || as_service touch -- "$DATA/run/$name.held"
  done
  # shellcheck disable=SC2046 # names have no spaces
  service_stop 20 $(service_names | grep -vx postgres)
}

actors_let_go() {
  local name
  for name in $(service_names); do
    [[ $name != postgres ]] || continue
    rm -f -- "$DATA/run/$name.held"
    as_service s6-svc -u "$SERVICES/$name"
  done
}

# sql STATEMENT…: as the superuser, in one session that has the functions of history.sql.
sql() {
  local statement words=()
  for statement in "$@"; do words+=(-c "$statement"); done
  psql_superuser "$DATABASE" -qAt -v ON_ERROR_STOP=1 -f "$TULIP_HOME/tests/lib/history.sql" "${words[@]}"
}

main() {
  instance_open "$DATA_DIR"
  service_user_prepare
  postgres_is_private || fail "history is made in a private cluster only"
  local region there part begin
  region=$(settings_get TB_REGION nl-1)
  trap actors_let_go EXIT
  actors_hold
  sql "SELECT pg_temp.history_personas('$region', $PERSONAS, pg_temp.history_begin('$region', $ORDERS))" >/dev/null
  begin=$SECONDS
  while there=$(psql_superuser "$DATABASE" -qAtc "SELECT next_seq - 1 FROM stream_heads WHERE region = '$region' AND stream = 'orders'") && ((there < ORDERS)); do
    part=$((ORDERS - there < PART ? ORDERS - there : PART))
    sql "SET synchronous_commit = off" "SELECT pg_temp.history_part('$region', $part, pg_temp.history_begin('$region', $ORDERS))" >/dev/null
    say "$((there + part)) orders after $((SECONDS - begin)) s"
  done
  psql_superuser "$DATABASE" -qc 'VACUUM (ANALYZE)' -c 'CHECKPOINT'
  say "done after $((SECONDS - begin)) s"
}

main
