#!/usr/bin/env bash
# recovery: the procedures of docs/RUNBOOK.md that must not be tried for the first time at night: a backup under load and its restore, by pg_basebackup
# and by pg_dump. Nothing that was answered with 201 may be missing afterwards, and the audit must pass.
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.." || exit 1
# shellcheck source=/dev/null
source tests/system/cases.sh recovery
DATA=$PLACE/data
port=$(free_port)
PG_BIN=/usr/lib/postgresql/15/bin
export TB_SIMFILL_DELAY_MS=0

# load PORT PREFIX COUNT FILE: that many orders, four at a time; the keys of those answered 201 or 200 go into FILE.
load() {
  # shellcheck disable=SC2016 # for the inner shell
  seq "$3" | xargs -P 4 -I{} bash -c '
    code=$(curl -s -m 20 -o /dev/null -w "%{http_code}" "http://127.0.0.1:$1/api/orders" -H "Content-Type: application/json" \
      -d "{\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":1,\"price\":\"124.20\",\"idempotencyKey\":\"$2-$3\"}")
    [[ $code != 20[01] ]] || printf "%s-%s\n" "$2" "$3" >>"$4"' load "$1" "$2" {} "$4"
}

# all_there DATA FILE: whether every key of FILE has its order.
all_there() {
  local missing
  missing=$(comm -23 <(sort -u "$2") <(./tulip psql --data "$1" -qAtc 'SELECT idempotency_key FROM orders' | sort -u) | wc -l)
  ((missing == 0)) || { printf '%s orders that were answered are missing\n' "$missing" && return 1; }
}

# has_settled DATA: whether every order has its entry, so that balances can be compared.
has_settled() {
  [[ $(./tulip psql --data "$1" -qAtc "SELECT (SELECT count(*) FROM orders WHERE kind = 1) = (SELECT count(DISTINCT order_seq) FROM ledger WHERE order_seq > 0)") == t ]]
}

books() { # books DATA
  ./tulip psql --data "$1" -qAtc 'SELECT account, balance_cents, version FROM balances ORDER BY 1'
}

cases_of_backup() {
  local before after loader
  tulip up --data "$DATA" --port "$port" --detach
  expect "up" 0 "ready"
  ((CODE == 0)) || cases_end
  load "$port" before 60 "$PLACE/before"
  : >"$PLACE/during"
  load "$port" during 200 "$PLACE/during" &
  loader=$!
  soon 100 test -s "$PLACE/during"
  tulip backup "$PLACE/copy" --data "$DATA"
  expect "a backup while orders come" 0 "backed up to $PLACE/copy"
  tulip backup "$PLACE/copy" --data "$DATA"
  expect "it never overwrites one" 1 "is not empty"
  tulip backup "$DATA/inside" --data "$DATA"
  expect "nor goes into what it copies" 1 "lies in"
  wait "$loader"
  expect_that "no order was refused meanwhile" test "$(wc -l <"$PLACE/during")" = 200
  tulip doctor --data "$DATA"
  expect "the doctor knows of it" 0 "0 hours old ($PLACE/copy)"

  # By pg_dump: the documented commands, into a database of its own.
  expect_that "all is settled" soon 300 has_settled "$DATA"
  before=$(books "$DATA")
  tulip down --data "$DATA"
  expect "down" 0 "stopped"

  tulip restore "$PLACE/copy" --data "$PLACE/copied"
  expect "restore" 0 "restored into $PLACE/copied"
  tulip restore "$PLACE/copy" --data "$PLACE/copied"
  expect "it never overwrites an instance" 1 "nothing is ever overwritten"
  tulip up --data "$PLACE/copied" --port "$port" --detach
  expect "up of what was restored" 0 "ready"
  expect_that "every order answered before the backup is there" all_there "$PLACE/copied" "$PLACE/before"
  expect_that "what was under way is finished" soon 300 has_settled "$PLACE/copied"
  tulip audit --data "$PLACE/copied"
  expect "every invariant holds" 0 "all invariants hold"
  # Clients that were answered after the backup send again with their keys: nothing is doubled, nothing stays missing.
  load "$port" during 200 "$PLACE/again"
  expect_that "repeated orders are taken" test "$(sort -u "$PLACE/again" | wc -l)" = 200
  expect_that "and settled" soon 300 has_settled "$PLACE/copied"
  after=$(books "$PLACE/copied")
  expect_that "the books are what they were" test "$before" = "$after"
  cases_of_dump
  tulip down --data "$PLACE/copied"
  printf x >>"$PLACE/copy/postgres/PG_VERSION"
  tulip restore "$PLACE/copy" --data "$PLACE/damaged"
  expect "a damaged backup is refused" 1
  expect_that "and nothing is made of it" test ! -e "$PLACE/damaged/layout"
}

# pg_dump of the running instance, into a second database of the same cluster, and the audit of that.
cases_of_dump() {
  local run=$PLACE/copied/run owner
  owner=$(stat -c %U "$PLACE/copied")
  [[ -e $run/.s.PGSQL.5432 ]] || run=$(<"$PLACE/copied/run_dir")
  expect_that "pg_dump of a running instance" env PGHOST="$run" PGUSER="$owner" "$PG_BIN/pg_dump" -Fc -f "$PLACE/tulip.dump" tulip
  expect_that "createdb" env PGHOST="$run" PGUSER="$owner" "$PG_BIN/createdb" tulip_copy
  expect_that "pg_restore" env PGHOST="$run" PGUSER="$owner" "$PG_BIN/pg_restore" --exit-on-error -d tulip_copy "$PLACE/tulip.dump"
  OUTPUT=$(PGUSER=tb_audit "$TB_BUILD_DIR/bin/tulip-audit" --database-url "postgresql:///tulip_copy?host=$run" --region nl-1 2>&1) && CODE=0 || CODE=$?
  expect "the audit of what came out of the dump" 0 "all invariants hold"
}

cases_of_backup
cases_end
