#!/usr/bin/env bash
# oncall: what someone on call uses, against all processes: top, tap, trace, dlq, doctor. Each is also used wrongly, and
# where nothing runs. Every case says what is expected; the last line counts them the way Check does.
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.." || exit 1
# shellcheck source=/dev/null
source tests/system/cases.sh oncall
# shellcheck source=/dev/null
source tests/system/oncall_doctor.sh
DATA=$PLACE/data NOTHING=$PLACE/nothing TOKEN=s3cret
port=$(free_port)
URL=http://127.0.0.1:$port

cases_of_words() {
  tulip top --often
  expect "top: an unknown option" 2 "unknown option --often"
  tulip top orders
  expect "top takes no stream" 2 "does not take 'orders'"
  tulip top --interval 0
  expect "top: an interval of nothing" 2 "0.2 to 3600 seconds"
  tulip top --interval 1x
  expect "top: an interval that is none" 2 "not '1x'"
  tulip tap
  expect "tap what?" 2 "tap what?"
  tulip tap trades
  expect "tap: an unknown stream" 2 "no stream or link 'trades'"
  tulip tap orders-stage
  expect "tap: a link that hands work on is not for listening" 2 "takes messages away"
  tulip tap orders-command
  expect "tap: a link of questions is not either" 2 "questions and answers"
  tulip tap orders --type TradeExecuted
  expect "tap: a type of another stream, and those there are" 2 "OrderReceived CancelRequested"
  tulip tap orders --from 0
  expect "tap: sequences begin at 1" 2 "from 1 on"
  tulip tap orders --limit -3
  expect "tap: a limit below nothing" 2 "from 1 on"
  tulip tap executions --order be-2.5
  expect "tap: an order of another region" 2 "--order is an order's id"
  tulip tap orders --from
  expect "tap: an option without its value" 2 "needs a value"
  tulip tap telemetry --user clusius
  expect "tap: telemetry has no users" 2 "telemetry has no users"
  tulip tap orders-feed --from 3
  expect "tap: a link has no history" 2 "name the stream"
  tulip trace
  expect "trace which?" 2 "trace which order"
  tulip trace 'a b'
  expect "trace: no id" 2 "neither an order's id"
  tulip dlq
  expect "dlq what?" 2 "list, show, redrive or discard"
  tulip dlq drop nl-1.1
  expect "dlq: an unknown command" 2 "no command drop"
  tulip dlq redrive
  expect "dlq redrive which?" 2 "ids, or --all"
  tulip dlq redrive --all nl-1.1
  expect "dlq: all, and one" 2 "without ids"
  tulip dlq discard nl-1.1
  expect "dlq discard wants a reason" 2 "say why with --reason"
  tulip dlq discard nl-1.1 --reason "$(printf 'line\nbreak')"
  expect "dlq: a reason that cannot be kept" 2 "printable ASCII"
  tulip doctor --fix
  expect "doctor changes nothing" 2 "does not take --fix"
  tulip backup
  expect "backup where to?" 2 "takes one directory"
  tulip help
  local word
  for word in top tap trace dlq doctor backup restore; do expect "help names $word" 0 "./tulip $word"; done
}

cases_of_nothing() {
  local words
  for words in "top --once" "tap orders" "trace nl-1.1" "dlq list" "backup $PLACE/b"; do
    # shellcheck disable=SC2086 # words
    tulip $words --data "$NOTHING"
    expect "$words where nothing runs" 3 "not running"
  done
  tulip doctor --data "$NOTHING" --port "$port"
  expect "doctor before the first start" 0 "nothing in $NOTHING yet"
  tulip top --once --url http://127.0.0.1:1
  expect "an address where nobody is" 1 "does not answer"
  tulip trace nl-1.1 --url 127.0.0.1
  expect "an address that is none" 2 "is an address like"
  tulip restore "$PLACE" --data "$NOTHING"
  expect "restore of what is no backup" 1 "is no backup"
}

order() { # order KEY [SEED]: places one and prints its id
  curl -s -m 20 "$URL/api/orders?" -H 'Content-Type: application/json' -d "{\"userId\":\"clusius\",\"side\":\"BUY\",\"quantity\":2,\"price\":\"124.20\",\"idempotencyKey\":\"$1\",\"simulationSeed\":\"${2:-partial:2}\"}" | jq -r .orderId
}

cases_of_top() {
  local word
  tulip top --once --data "$DATA"
  for word in "TulipBroker nl-1" sequencer/1 simfill/1 balance/1 gateway/1 persona/1 reconciler/1 leader orders-command outbox-stage "alarms none" "orders/s" "latency p50/p99" "malformed 0"; do
    expect "top --once shows $word" 0 "$word"
  done
  expect_that "and no control codes when it is piped" without "$OUTPUT" $'\033'
  tulip top --once --json --data "$DATA"
  expect_that "top --json is JSON with six actors, none dead" is_json "$OUTPUT" '(.actors | length) == 6 and all(.actors[]; .dead | not) and (.actors[0].uptimeSeconds > 0) and (.heads | length) >= 5'
  tulip top --once --url "$URL"
  expect "top over HTTP alone" 0 "sequencer/1"
  TULIP_IN=$PLACE/keys
  mkfifo "$TULIP_IN"
  TERM=xterm script -qec "./tulip top --data $DATA" "$PLACE/screen" <"$TULIP_IN" >/dev/null 2>&1 &
  local viewer=$!
  exec 7>"$TULIP_IN"
  expect_that "top takes the screen" soon 200 grep -q 'reconciler/1' "$PLACE/screen"
  printf q >&7
  exec 7>&-
  expect_that "q ends it" ended_with "$viewer" 0
  expect_that "and the screen is given back" grep -qF $'\033[?1049l' "$PLACE/screen"
}

cases_of_tap() {
  local tap last id
  ./tulip tap executions --json --data "$DATA" >"$PLACE/executions" 2>"$PLACE/errors" &
  tap=$!
  # A SUB hears nothing before it is connected: orders until the first comes through.
  expect_that "a tap hears trades off the wire" soon 100 heard_after_order "$PLACE/executions"
  id=$(order tap-last)
  expect_that "with their orders" soon 100 grep -q "\"type\":\"OrderAccepted\",\"source\":\"wire\",\"orderId\":\"$id\"" "$PLACE/executions"
  kill -INT "$(program_of "$tap")"
  expect_that "Ctrl-C ends it well" ended_with "$tap" 0
  expect_that "it had nothing to complain of" test ! -s "$PLACE/errors"
  expect_that "money is text with two decimals" is_json "$(head -n 1 "$PLACE/executions")" '.price == "124.20" and .type != null and (.traceId | length) == 32'

  last=$(./tulip psql --data "$DATA" -qAtc 'SELECT max(seq) FROM orders')
  tulip tap orders --from 1 --limit "$last" --json --data "$DATA"
  expect_that "--from reads the history, dense from its first on" is_dense "$OUTPUT" 1 "$last"
  tulip tap executions --from 1 --limit 1 --order "$id" --type OrderAccepted --data "$DATA"
  expect "filters" 0 "OrderAccepted  $id  clusius BUY 2 @ 124.20 = 248.40"
  tulip tap balances --from 1 --limit 1 --user oosterwijck --data "$DATA"
  expect "balances" 0 "oosterwijck +10000.00 -> 10000.00  OPENING_BALANCE"
  tulip tap ops --from 2 --limit 1 --json --data "$DATA"
  expect_that "ops, from the middle on" is_json "$OUTPUT" '.seq == 2 and .type == "PersonaCreated" and .persona.displayName != ""'
  tulip tap telemetry --limit 3 --json --data "$DATA"
  expect_that "telemetry" is_json "$(head -n 1 <<<"$OUTPUT")" '.stream == "telemetry" and (.metrics | length) > 5 and .startedAt != null'
  tulip tap orders --from 1 --limit 2 --url "$URL" --json
  expect_that "over HTTP alone" is_dense "$OUTPUT" 1 2
  OUTPUT=$(timeout 60 ./tulip tap telemetry --data "$DATA" 2>&1 >/dev/full | head -n 3) CODE=0
  ./tulip tap telemetry --data "$DATA" 2>"$PLACE/errors" | head -n 1 >"$PLACE/one"
  CODE=${PIPESTATUS[0]} OUTPUT=$(cat "$PLACE/errors")
  expect "a pipe that nobody reads any more ends it quietly" 0
  expect_that "without a word" test ! -s "$PLACE/errors"
}

# From the database, then live, while orders come and the sequencer dies: neither hole nor double.
cases_of_joining() {
  local first last tap i
  # A few of the past, however few there are (a tap that heard at once needed few orders), and the sixty that come.
  last=$(./tulip psql --data "$DATA" -qAtc 'SELECT max(seq) FROM orders')
  first=$((last > 3 ? last - 3 : 1))
  ./tulip tap orders --from "$first" --limit $((last - first + 1 + 60)) --json --data "$DATA" >"$PLACE/joined" 2>&1 &
  tap=$!
  for i in {1..60}; do
    order "join-$i" >/dev/null
    [[ $i != 20 ]] || ./tulip kill sequencer --data "$DATA" >/dev/null
  done
  expect_that "it ends at its limit" ended_with "$tap" 0
  expect_that "history and wire join without hole or double, over a dead sequencer too" is_dense "$(grep -v '"gap"' "$PLACE/joined")" "$first" $((last + 60))
}

cases_of_logs() {
  tulip logs --data "$DATA"
  expect "logs of all are readable" 0 " info    sequencer/1   order accepted  orderId="
  expect "PostgreSQL's among them" 0 "database system is ready"
  expect_that "by time" is_sorted "$OUTPUT"
  tulip logs sequencer --json --data "$DATA"
  expect_that "one as it was written" is_json "$(tail -n 1 <<<"$OUTPUT")" '.actor == "sequencer" and .ts != null'
  tulip logs nobody --data "$DATA"
  expect "logs of nobody" 1 "there is no nobody"
}

cases_of_trace() {
  local id trace
  id=$(order traced)
  expect_that "a traced order settles" soon 100 settled "$id"
  tulip trace "$id" --data "$DATA"
  for word in "gateway order" "sequencer append" "simfill fill" "outbox wait" "balance settle" "orderId=$id" "|="; do expect "trace shows $word" 0 "$word"; done
  trace=$(./tulip trace "$id" --json --data "$DATA" | jq -r .traceId)
  tulip trace "$trace" --url "$URL"
  expect "by its trace, over HTTP" 0 "trace $trace"
  tulip trace "${id##*.}" --data "$DATA"
  expect "by its number" 0 "trace $trace"
  tulip trace nl-1.999999 --data "$DATA"
  expect "an order that is not there" 1 "there is no order nl-1.999999"
  tulip trace 00000000000000000000000000000001 --data "$DATA"
  expect "a trace that is not there" 1 "there is no trace"
}

dead_letters() {
  [[ $(./tulip dlq list --json --data "$DATA" | jq .depth) == "$1" ]]
}

cases_of_dlq() {
  local ids
  tulip dlq list --data "$DATA"
  expect "an empty queue" 0 "is empty"
  order dead-1 poison-balance >/dev/null
  order dead-2 poison-balance >/dev/null
  order dead-3 poison-balance >/dev/null
  expect_that "three adjustments die" soon 300 dead_letters 3
  mapfile -t ids < <(./tulip dlq list --json --data "$DATA" | jq -r '.items[].dlqId')
  tulip dlq list --data "$DATA"
  expect "list" 0 "3 waiting"
  tulip dlq show "${ids[0]}" --data "$DATA"
  expect "show" 0 "is poisoned"
  tulip dlq show nl-1.999999 --data "$DATA"
  expect "show of none" 1 "no dead letter nl-1.999999 waiting"
  TB_ADMIN_TOKEN=wrong tulip dlq redrive "${ids[0]}" --url "$URL"
  expect "a wrong token" 1 "another one"
  tulip dlq redrive "${ids[0]}" --url "$URL"
  expect "no token" 1 "not given"
  TB_ADMIN_TOKEN=$TOKEN tulip dlq redrive "${ids[0]}" nl-1.999999 --url "$URL" --reason "repaired by hand"
  expect "one is redriven, one is not there" 1 "1 redriven, 1 not"
  tulip dlq discard "${ids[1]}" --reason "written off, ticket 17" --data "$DATA"
  expect "discard, with the instance's own token" 0 "discarded"
  tulip dlq discard "${ids[1]}" --reason again --data "$DATA"
  expect "pressing again changes nothing" 0 "discarded"
  tulip dlq redrive "${ids[1]}" --data "$DATA"
  expect "what was discarded is not redriven" 1 "another end"
  tulip dlq redrive --all --json --data "$DATA"
  expect_that "the rest, as JSON" is_json "$OUTPUT" '.failed == 0 and (.items | length) == 1'
  expect_that "the queue is empty again" soon 50 dead_letters 0
  tulip psql --data "$DATA" -qAtc "SELECT string_agg(action || '=' || actor, ' / ' ORDER BY action_id) FROM admin_actions"
  expect "the audit trail has both reasons" 0 "redrive=api:127.0.0.1, reason: repaired by hand / discard=api:127.0.0.1, reason: written off, ticket 17"
}

doctor() {
  tulip doctor --data "$DATA" "$@"
}

cases_of_doctor() {
  doctor
  expect "the doctor finds nothing" 0 "all is well"
  expect "and says that there is no backup" 0 "there never was one"
  doctor --json
  expect_that "as JSON" is_json "$OUTPUT" '.ok and (.checks | length) > 15 and any(.checks[]; .id == "port" and .status == "OK")'
}

# --- words of this test ---
# shellcheck disable=SC2317 # they are called by name

is_json() { # is_json TEXT CONDITION
  jq -e "$2" <<<"$1" >/dev/null 2>&1 || { printf '%s\n' "$1" | head -c 2000 && return 1; }
}

without() {
  [[ $1 != *"$2"* ]]
}

is_sorted() {
  cut -c 1-24 <<<"$1" | LC_ALL=C sort -c
}

is_dense() { # is_dense LINES FIRST LAST
  local got
  got=$(jq -r .seq <<<"$1" | tr '\n' ' ')
  [[ $got == "$(seq -s ' ' "$2" "$3") " ]] || { printf 'got: %s\n' "$got" && return 1; }
}

heard_after_order() {
  order "first-$((HEARD = ${HEARD:-0} + 1))" >/dev/null
  [[ -s $1 ]]
}

settled() {
  ./tulip trace "$1" --json --data "$DATA" | jq -e 'any(.spans[]; .name == "settle")' >/dev/null
}

# The tb-console behind a ./tulip in the background: the same process, or its child.
program_of() {
  if [[ $(cat "/proc/$1/comm" 2>/dev/null) == tb-console ]]; then printf '%s\n' "$1"; else pgrep -P "$1" -x tb-console; fi
}

ended_with() { # ended_with PID CODE
  local pid=$1 code
  soon 200 has_ended "$pid" || { kill "$pid" 2>/dev/null && return 1; }
  wait "$pid" && code=0 || code=$?
  [[ $code == "$2" ]] || { printf 'it ended with %s\n' "$code" && return 1; }
}

has_ended() {
  ! kill -0 "$1" 2>/dev/null
}

cases_of_words
cases_of_nothing
TB_ADMIN_TOKEN=$TOKEN TB_SIMFILL_DELAY_MS=0 tulip up --data "$DATA" --port "$port" --detach
expect "up" 0 "ready: $URL"
((CODE == 0)) || cases_end
cases_of_top
cases_of_tap
cases_of_joining
cases_of_logs
cases_of_trace
cases_of_dlq
tulip audit --data "$DATA"
expect "every invariant holds" 0
cases_of_doctor
cases_of_illness
cases_end
