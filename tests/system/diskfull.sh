#!/usr/bin/env bash
# diskfull: the disk under everything (database and logs) is full, first for the tables, then for the WAL too, which PostgreSQL does not survive.
# Orders are answered 503 and nothing half is stored; no actor dies of it, or hangs in its log; with room everything goes on by itself, ./tulip down
# ends all the same, clients that send again get each order once, and the audit passes. A tmpfs stands for the disk, so it needs root.
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.." || exit 1
# shellcheck source=/dev/null
source tests/system/cases.sh diskfull
DISK=$PLACE/disk DATA=$PLACE/disk/data PG_BIN=/usr/lib/postgresql/15/bin
port=$(free_port)
export TB_SIMFILL_DELAY_MS=0

if ((EUID != 0)) || ! mkdir "$DISK" || ! mount -t tmpfs -o size=800m,mode=0755 none "$DISK" 2>/dev/null; then
  printf 'SKIPPED: a full disk (it needs root and mounts)\n'
  exit 77
fi

# order KEY: its HTTP status, and of a refusal the code, in ANSWER.
order() {
  ANSWER=$(curl -s -m 20 -w ' %{http_code}' "http://127.0.0.1:$port/api/orders" -H 'Content-Type: application/json' \
    -d "{\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":1,\"price\":\"124.20\",\"clientId\":\"full\",\"idempotencyKey\":\"$1\"}")
  printf '%s %s\n' "${ANSWER##* }" "$(jq -r '.code // "-"' <<<"${ANSWER% *}" 2>/dev/null)"
}

# orders PREFIX COUNT FILE: that many, four at a time; a line each in FILE: key status code.
orders() {
  export -f order
  export port
  # shellcheck disable=SC2016 # for the inner shell
  seq "$2" | xargs -P 4 -I{} bash -c 'printf "%s %s\n" "$1-$2" "$(order "$1-$2")" >>"$3"' orders "$1" {} "$3"
}

# The words below are called by name.
# shellcheck disable=SC2317
refused_as_promised() { # whether what was not taken was refused with 503 STORE_UNAVAILABLE, and some was
  local other
  other=$(awk '$2 != 201 && !($2 == 503 && $3 == "STORE_UNAVAILABLE")' "$1")
  [[ -z $other ]] || { printf 'seen: %s\n' "$other" && return 1; }
  grep -q ' 503 STORE_UNAVAILABLE' "$1"
}

# shellcheck disable=SC2317
restarts_are() { # restarts_are NUMBER SERVICE…
  local number=$1 name
  shift
  for name in "$@"; do
    [[ $(<"$DATA/run/$name.restarts") == "$number" ]] || { printf '%s was restarted %s times\n' "$name" "$(<"$DATA/run/$name.restarts")" && return 1; }
  done
}

# shellcheck disable=SC2317
has_died() {
  [[ -e $DATA/run/postgres.death ]]
}

# shellcheck disable=SC2317
all_are_there_once() { # every key tried has exactly one order, and each is settled
  [[ $(./tulip psql --data "$DATA" -qAtc "SELECT count(*) || ' ' || count(DISTINCT idempotency_key) FROM orders WHERE client_id = 'full'") == "$1 $1" &&
    $(./tulip psql --data "$DATA" -qAtc "SELECT (SELECT count(*) FROM orders WHERE kind = 1) = (SELECT count(DISTINCT order_seq) FROM ledger WHERE order_seq > 0)") == t ]]
}

fill() {
  mount -o "remount,size=$(df -k --output=used "$DISK" | tail -n 1 | tr -d ' ')k" "$DISK"
}

make_room() {
  mount -o remount,size=800m "$DISK"
}

# Tables cannot grow.
cases_of_tables() {
  local try
  orders before 20 "$PLACE/before"
  expect_that "orders are taken" test "$(awk '$2 == 201' "$PLACE/before" | wc -l)" = 20
  fill
  for try in {1..20}; do # until the pages that are there are full
    orders "full$try" 20 "$PLACE/full"
    ! grep -q ' 503 ' "$PLACE/full" || break
  done
  orders more 8 "$PLACE/full"
  expect_that "on a full disk orders are taken or refused with 503 STORE_UNAVAILABLE" refused_as_promised "$PLACE/full"
  tulip doctor --data "$DATA"
  expect "the doctor names it" 1 "0 MiB are free where $DATA lies"
  expect_that "nobody died of it" restarts_are 0 sequencer-1 simfill-1 balance-1 persona-1 reconciler-1 gateway-1
  make_room
  expect_that "with room everything is ready by itself" soon 600 is_ready "$port"
}

# The WAL cannot grow: PostgreSQL ends with PANIC, and again, until there is room. On a full disk nobody may come in, so who provokes it is in.
cases_of_wal() {
  local run owner word
  run=$(<"$DATA/run_dir") owner=$(stat -c %U "$DATA")
  coproc SESSION { PGHOST=$run PGUSER=$owner timeout 60 "$PG_BIN/psql" -X -d tulip -qAt 2>&1; }
  printf 'SELECT 1;\n' >&"${SESSION[1]}"
  read -r -t 10 -u "${SESSION[0]}" word
  expect_that "a session of the owner" test "$word" = 1
  fill
  for word in {1..10}; do printf "SELECT pg_switch_wal() FROM pg_logical_emit_message(true, 'x', 'x');\n"; done >&"${SESSION[1]}"
  expect_that "without room for its WAL PostgreSQL dies" soon 300 has_died
  orders dead 4 "$PLACE/dead"
  expect_that "orders are refused with 503 STORE_UNAVAILABLE" refused_as_promised "$PLACE/dead"
  expect_that "no actor died with it" restarts_are 0 sequencer-1 simfill-1 balance-1 persona-1 reconciler-1 gateway-1
  make_room
  expect_that "with room everything is ready by itself" soon 900 is_ready "$port"
}

# What cannot be written is not waited for: down ends, and soon, with nobody left behind; with room all is there again.
cases_of_down() {
  local try began
  fill
  for try in {1..20}; do
    orders "late$try" 20 "$PLACE/late"
    ! grep -q ' 503 ' "$PLACE/late" || break
  done
  began=$SECONDS
  tulip down --data "$DATA"
  expect "on a full disk everything stops" 0 "stopped"
  expect_that "within a minute (took $((SECONDS - began)) s)" test $((SECONDS - began)) -lt 60
  expect_that "and leaves no process behind" nobody_is_left
  tulip up --data "$DATA" --port "$port" --detach
  expect "without room it does not start" 1 "no space"
  make_room
  tulip up --data "$DATA" --port "$port" --detach
  expect "with room it starts" 0 "ready"
}

# shellcheck disable=SC2317
nobody_is_left() {
  local left
  left=$(pgrep -f -- "$DATA/(service|log|postgres)" || true
    find /proc/[0-9]*/cwd -maxdepth 0 -lname "$DATA/*" 2>/dev/null)
  [[ -z $left ]] || { printf 'left: %s\n' "$left" && return 1; }
}

# Clients that were refused, or got no answer, send again with their keys.
cases_of_clients() {
  local keys
  cat "$PLACE/before" "$PLACE/full" "$PLACE/dead" "$PLACE/late" >"$PLACE/all"
  keys=$(wc -l <"$PLACE/all")
  # shellcheck disable=SC2016 # for the inner shell
  cut -d ' ' -f 1 "$PLACE/all" | xargs -P 4 -I{} bash -c 'order "$1"' again {} >"$PLACE/again"
  expect_that "all $keys are answered with success" test "$(grep -cE '^20[01] ' "$PLACE/again")" = "$keys"
  expect_that "each is there once, and settled" soon 300 all_are_there_once "$keys"
  expect_that "what was answered 201 before was not ordered again" test "$(grep -c '^201 ' "$PLACE/again")" -le \
    "$(awk '$2 != 201' "$PLACE/all" | wc -l)"
  tulip audit --data "$DATA"
  expect "every invariant holds" 0 "all invariants hold"
}

tulip up --data "$DATA" --port "$port" --detach
expect "up" 0 "ready"
((CODE == 0)) || cases_end
cases_of_tables
cases_of_wal
cases_of_down
cases_of_clients
cases_end
