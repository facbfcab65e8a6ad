#!/usr/bin/env bash
# launch: what ./tulip promises, from outside. Every case says what is expected; the last line counts them the way Check does.
# TB_BUILD_DIR names the binaries (ctest sets it).
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.." || exit 1
# shellcheck source=/dev/null
source tests/system/cases.sh launch
# A directory only its owner may enter, a name with a space, and a path too long for a unix socket.
HARD="$PLACE/for root only/$(printf 'long%.0s' {1..30})/data"
EASY=$PLACE/easy
mkdir -m 0700 "$PLACE/for root only"

answers_nobody() {
  ! curl -s -m 2 -o /dev/null "http://127.0.0.1:$1/health/live"
}

pid_of() { # pid_of DATA SERVICE
  s6-svstat -o pid "$1/service/$2" 2>/dev/null
}

restarted() { # restarted DATA SERVICE OLD_PID COUNT
  local pid
  pid=$(pid_of "$1" "$2") && ((pid > 0 && pid != $3)) && [[ $(<"$1/run/$2.restarts") == "$4" ]]
}

nothing_of_ours_left() {
  ! pgrep -f -- "$1" >/dev/null
}

# Nobody below the supervisor is root.
none_is_root() {
  local name
  for name in "$1"/service/*/; do
    [[ $(stat -c %u "/proc/$(s6-svstat -o pid "$name")") != 0 ]] || return 1
  done
}

port=$(free_port)
other=$(free_port)

cases_of_refusal() {
  tulip
  expect "no command is wrong usage" 2 "which command"
  tulip fly
  expect "an unknown command is wrong usage" 2 "unknown command fly"
  tulip up --speed 9
  expect "an unknown option is wrong usage" 2 "unknown option --speed"
  tulip status --detach
  expect "an option of another command is wrong usage" 2 "does not take --detach"
  tulip up --data "$EASY" --port 99999
  expect "a port that is none is wrong usage" 2 "not a port"
  tulip status --data "$EASY"
  expect "status where nothing is" 3 "not running"
  tulip down --data "$EASY"
  expect "down where nothing is" 0 "nothing is running"
  TB_SIMFIL_DELAY_MS=1 tulip up --data "$EASY" --port "$port" --detach
  expect "a mistyped setting is refused, and the right one named" 1 "did you mean TB_SIMFILL_DELAY_MS?"
  TB_LOG_LEVEL=loud tulip up --data "$EASY" --port "$port" --detach
  expect "a setting with a bad value is refused" 1 "loud"
  TB_TEST_DISK_MIN_MIB=999999999 tulip up --data "$EASY" --port "$port" --detach
  expect "a full disk is refused" 1 "no space"
  expect_that "nothing was made by what was refused" test ! -e "$EASY"

  mkdir -p "$PLACE/foreign" "$PLACE/newer" "$PLACE/old/postgres"
  touch "$PLACE/foreign/thesis.txt"
  tulip up --data "$PLACE/foreign" --port "$port" --detach
  expect "a directory of something else is refused" 1 "no data directory of TulipBroker"
  chown nobody "$PLACE/newer" "$PLACE/old" 2>/dev/null || true
  echo 99 >"$PLACE/newer/layout"
  tulip up --data "$PLACE/newer" --port "$port" --detach
  expect "data of a newer version is refused" 1 "newer TulipBroker"
  echo 1 >"$PLACE/old/layout"
  echo 14 >"$PLACE/old/postgres/PG_VERSION"
  tulip up --data "$PLACE/old" --port "$port" --detach
  expect "a cluster of another PostgreSQL is refused" 1 "made by PostgreSQL 14"
  rm -r "$PLACE/foreign" "$PLACE/newer" "$PLACE/old"
}

# takes_node VERSION: whether the page is built with a node that says it is that.
takes_node() {
  mkdir -p "$PLACE/node" && printf '#!/bin/sh\necho %s\n' "$1" >"$PLACE/node/node" && chmod 0755 "$PLACE/node/node" || return
  (
    TULIP_HOME=$PWD
    # shellcheck source=/dev/null
    source deploy/local/ui.sh
    PATH=$PLACE/node:$PATH
    ui_node_is_new
  )
}

cases_of_node() {
  local version
  for version in v20.19.0 v20.20.2 v22.1.0 v100.0.0; do expect_that "node $version is taken" takes_node "$version"; done
  for version in v18.20.4 v20.18.3 v9.99.9 v4.20.0 "" nonsense; do
    expect_that "node '$version' is too old" eval "! takes_node '$version'"
  done
}

cases_of_one_instance() {
  local lock
  exec {lock}>"$PLACE/lock" && flock "$lock"
  tulip up --data "$HARD" --port "$port" --detach
  exec {lock}>&-
  expect "up in a hard place" 0 "ready: http://127.0.0.1:$port"
  ((CODE == 0)) || {
    printf '0%%: Checks: %d, Failures: %d, Errors: 1\n' "$CHECKS" "$FAILURES"
    exit 1 # nothing of what follows can be told
  }
  expect_that "it answers" is_ready "$port"
  expect_that "a lock its caller held is free again" flock --nonblock "$PLACE/lock" true
  expect_that "nothing runs as root" none_is_root "$HARD"
  tulip status --data "$HARD"
  expect "status when ready" 0 "sequencer/1"
  tulip --data "$HARD" up --port "$port" --detach
  expect "up again" 0 "running already"
  tulip up --data "$HARD" --port "$other" --detach
  expect "up again with another port" 1 "is in use"
  tulip up --data "$EASY" --port "$port" --detach
  expect "a port that is taken" 1 "port $port is taken"
  expect_that "nothing was made for a port that is taken" test ! -e "$EASY"
  TB_REGION=xx-9 tulip up --data "$HARD" --port "$port" --detach
  expect "another region on the same data" 1 "is of region nl-1"
}

cases_of_rights() {
  local url why
  url=$(<"$HARD/database_url")
  refused() { # refused ROLE STATEMENT
    why=$(PGUSER=$1 PGOPTIONS='-c default_transaction_read_only=off' /usr/lib/postgresql/15/bin/psql -X -d "$url" -c "$2" 2>&1)
    [[ $why == *"permission denied"* ]] || { printf '%s\n' "$why" && return 1; }
  }
  allowed() {
    why=$(PGUSER=$1 /usr/lib/postgresql/15/bin/psql -X -d "$url" -c "BEGIN" -c "$2" -c "ROLLBACK" 2>&1)
    [[ $why != *ERROR* && $why != *FATAL* ]] || { printf '%s\n' "$why" && return 1; }
  }
  local table role
  for table in orders executions outbox ledger balances dead_letters personas ops_events stream_heads cursors schema_migrations; do
    expect_that "the gateway cannot insert into $table" refused tb_gateway "INSERT INTO $table DEFAULT VALUES"
    expect_that "the audit cannot delete from $table" refused tb_audit "DELETE FROM $table"
  done
  expect_that "the gateway reads" allowed tb_gateway "SELECT count(*) FROM orders, ledger, personas"
  expect_that "balance cannot write orders" refused tb_balance "INSERT INTO orders DEFAULT VALUES"
  expect_that "balance cannot change the ledger" refused tb_balance "UPDATE ledger SET delta_cents = 0"
  expect_that "balance cannot delete from the ledger" refused tb_balance "DELETE FROM ledger"
  expect_that "simfill cannot touch balances" refused tb_simfill "UPDATE balances SET balance_cents = 0"
  expect_that "the sequencer cannot fill" refused tb_sequencer "INSERT INTO executions DEFAULT VALUES"
  expect_that "the sequencer cannot change an order" refused tb_sequencer "UPDATE orders SET quantity = 1"
  expect_that "persona cannot see the ledger" refused tb_persona "SELECT * FROM ledger"
  expect_that "the reconciler cannot write the ledger" refused tb_reconciler "INSERT INTO ledger DEFAULT VALUES"
  for role in tb_sequencer tb_simfill tb_balance tb_persona tb_reconciler; do
    expect_that "$role cannot make tables" refused "$role" "CREATE TABLE mine (x int)"
    expect_that "$role may append to its stream" allowed "$role" "SELECT take_epoch('nl-1', 'ops')"
  done
  expect_that "only owners log in as they please: none acts with another's rights" test \
    "$(PGUSER=tb_owner /usr/lib/postgresql/15/bin/psql -X -qAt -d "$url" -c "SELECT count(*) FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname = 'public' AND prosecdef")" = 0
  tulip psql --data "$HARD" -qAtc "SELECT current_user || ' ' || current_setting('fsync') || ' ' || current_setting('data_checksums') || ' ' || current_setting('listen_addresses')"
  expect "psql is the owner's, on a cluster that keeps what it commits" 0 "tb_owner on on "
  tulip migrate --data "$HARD"
  expect "migrate again changes nothing" 0 "up to date"
  tulip psql --data "$HARD" -qc "UPDATE schema_migrations SET checksum = 'x' WHERE number = 2"
  tulip migrate --data "$HARD"
  expect "a migration that was changed is refused" 1 "was changed after it was applied"
}

cases_of_death() {
  local pid count
  for actor in sequencer simfill gateway; do
    soon 20 test "$(pid_of "$HARD" "$actor-1")" -gt 0
    pid=$(pid_of "$HARD" "$actor-1")
    count=$(<"$HARD/run/$actor-1.restarts")
    tulip kill --data "$HARD" "$actor"
    expect "kill $actor" 0 "SIGKILL to $actor/1"
    expect_that "$actor is back within a second, and counted" soon 10 restarted "$HARD" "$actor-1" "$pid" $((count + 1))
  done
  tulip kill nobody --data "$HARD"
  expect "kill of an unknown actor" 1 "there is no nobody"
  tulip kill sequencer/7 --data "$HARD"
  expect "kill of an unknown instance" 1 "there is no sequencer/7"
  pid=$(pid_of "$HARD" postgres)
  tulip kill postgres --data "$HARD"
  expect_that "PostgreSQL comes back" soon 100 restarted "$HARD" postgres "$pid" 1
  expect_that "and the whole becomes ready again" soon 300 is_ready "$port"
  tulip status --data "$HARD"
  expect "status shows how it died" 0 "signal 9"
  tulip logs --data "$HARD" postgres
  expect "logs of one" 0 "database system"
}

cases_of_two_instances() {
  tulip up --data "$EASY" --port "$other" --detach --standby
  expect "a second instance of all, with standbys" 0 "ready"
  tulip status --data "$EASY"
  expect "it has two sequencers" 0 "sequencer/2"
  tulip down --data "$HARD"
  expect "down of the first" 0 "stopped"
  expect_that "the first is gone" answers_nobody "$port"
  expect_that "no process of it is left" nothing_of_ours_left "$HARD"
  expect_that "the second goes on" is_ready "$other"
  tulip down --data "$HARD"
  expect "down again" 0 "nothing is running"
  tulip status --data "$HARD"
  expect "status after down" 3 "not running"
}

cases_of_disaster() {
  kill -9 "$(pgrep -f "^s6-svscan $EASY/service\$")"
  tulip status --data "$EASY"
  expect "status without its supervisor" 3 "s6-svscan was killed"
  tulip up --data "$EASY" --port "$other" --detach
  expect "up without its supervisor: what it left behind holds the port, and goes" 0 "TulipBroker is ready"
  expect_that "and is ready" is_ready "$other"
  expect_that "no shell of the launcher waits beside it" nothing_of_ours_left "tulip up --data $EASY"
  kill -9 "$(pgrep -f "^s6-svscan $EASY/service\$")"
  tulip down --data "$EASY"
  expect "down without its supervisor" 0 "stopped"
  expect_that "no process of it is left" nothing_of_ours_left "$EASY"
}

# The foreground: Ctrl-C ends all of it.
cases_of_foreground() {
  local launcher
  timeout 100 ./tulip up --data "$EASY" --port "$other" >"$PLACE/foreground.txt" 2>&1 &
  launcher=$!
  expect_that "up in the foreground becomes ready" soon 600 grep -q 'Ctrl-C stops it' "$PLACE/foreground.txt"
  kill -TERM "$launcher"
  wait "$launcher"
  expect_that "and stops everything when it is told to end" nothing_of_ours_left "$EASY"
}

cases_of_refusal
cases_of_node
cases_of_one_instance
cases_of_rights
cases_of_death
cases_of_two_instances
cases_of_disaster
cases_of_foreground
cases_end
