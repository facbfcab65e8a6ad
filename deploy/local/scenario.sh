# shellcheck shell=bash
# scenario: a failure of the playbook, from load to verdict (docs/FAULTS.md). Three phases of equal length, before, during and after the fault,
# each under tb-bench's steady load; order latency, queued events and cues are watched all the time. Then everything that was accepted has to be
# final and in the ledger, once, and the audit clean.

SCENARIO_SAMPLE_S=0.25

scenario_command() {
  local seconds rate failed=0
  SCENARIO=$1
  case $SCENARIO in
    az-failure | db-throttling | matcher-cpu-spike) ;;
    *) wrong_usage "there is no scenario $SCENARIO (there are: az-failure db-throttling matcher-cpu-spike)" ;;
  esac
  FAULT_KIND=$SCENARIO
  seconds=$(fault_number seconds 4 600 8) || exit
  rate=$(fault_number rate 10 100000 150) || exit
  [[ $seconds != *.* ]] || wrong_usage "--seconds is a whole number"
  OPT=() # from here on the options are those of the faults
  fault_must_be_enabled
  [[ -n ${TB_BUILD_DIR-} && -x $BIN/tb-bench ]] || build_run "$BUILD" Release tb-bench
  health_is_ready || fail "the instance is not ready" "./tulip status$(data_hint)"
  scenario_check_cluster
  SCENARIO_DIR=$(mktemp -d)
  trap scenario_clean_up EXIT
  trap 'exit 130' INT TERM HUP
  SCENARIO_BEFORE=$(scenario_orders)
  scenario_phase before "$rate" "$seconds"
  scenario_inject "$seconds"
  scenario_phase during "$rate" "$seconds"
  scenario_settle
  scenario_note_cues
  scenario_phase after "$rate" "$seconds"
  scenario_judge "$rate" || failed=1
  scenario_print
  return "$failed"
}

scenario_clean_up() {
  trap '' INT TERM HUP
  [[ -z ${SCENARIO_WATCHER-} ]] || kill "$SCENARIO_WATCHER" 2>/dev/null || true
  fault_clear >/dev/null
  rm -rf -- "$SCENARIO_DIR"
}

# Effect: refuses a cluster that cannot show what the scenario is about.
scenario_check_cluster() {
  [[ $SCENARIO != az-failure || -d $SERVICES/sequencer-2 ]] ||
    fail "without second instances the loss of a zone is the loss of everything" "TB_ENABLE_FAULTS=1 ./tulip up --standby$(data_hint)"
}

# Orders stored so far, as the database has them.
scenario_orders() {
  scenario_sql "SELECT count(*) FROM orders WHERE kind = 1"
}

scenario_sql() {
  psql_as "$(! postgres_is_private || echo tb_owner)" -qAtc "$1"
}

# Effect: the fault, for as long as the next phase. The leading sequencer's zone, the database's answers, the matching actors' CPU time.
scenario_inject() {
  local leader zone
  SCENARIO_BEGAN=$(date +%s) SCENARIO_OVER=$(($(date +%s) + $1))
  case $SCENARIO in
    az-failure)
      leader=$(services_named sequencer/leader)
      zone=$(service_az "$leader")
      SCENARIO_ZONE=$zone
      fault_write az "az:$zone" - - - - "$1" -
      ;;
    db-throttling) fault_write db-slow "*" - - 400 - "$1" - ;;
    matcher-cpu-spike)
      fault_write cpu simfill - - 250 - "$1" -
      fault_write cpu sequencer - - 250 - "$1" -
      ;;
  esac
}

# Effect: waits until the fault is over and everybody is back: what comes next is "after".
scenario_settle() {
  wait_for 30 fault_is_gone "${FAULT_ID-}" || true
  wait_for 30 health_is_ready || true
  wait_for 30 scenario_cues_are_off || true
}

scenario_status() {
  curl -s -m 2 --noproxy '*' "$(http_url)/api/status"
}

scenario_cues_are_off() {
  [[ $(scenario_status | jq '[.cues[]? | select(.active)] | length' 2>/dev/null) == 0 ]]
}

# scenario_watch FILE: until it is killed, a line each quarter of a second: queued events, and the cues that are on.
scenario_watch() {
  local status metrics
  while true; do
    status=$(scenario_status | jq -r '[.cues[]? | select(.active) | .id] | join(",")' 2>/dev/null) || status=""
    metrics=$(curl -s -m 2 --noproxy '*' "$(http_url)/metrics" | awk '/^tb_orders_backlog/ { backlog += $NF } /^tb_queue_depth/ { queue += $NF }
      END { printf "%d", backlog + queue }')
    printf '%s %s\n' "${metrics:-0}" "${status:--}" >>"$1"
    sleep "$SCENARIO_SAMPLE_S"
  done
}

# scenario_phase NAME RATE SECONDS
scenario_phase() {
  [[ $OPT_JSON == yes ]] || say "$1: $2 orders/s for $3 s"
  scenario_watch "$SCENARIO_DIR/$1.watch" &
  SCENARIO_WATCHER=$!
  "$BIN/tb-bench" --port "$(settings_get TB_PORT 8080)" --rate "$2" --seconds "$3" --warmup 0 --connections 32 \
    >"$SCENARIO_DIR/$1" 2>"$SCENARIO_DIR/$1.error" || true # its exit code is judged by its figures
  kill "$SCENARIO_WATCHER" 2>/dev/null || true
  wait "$SCENARIO_WATCHER" 2>/dev/null || true
  SCENARIO_WATCHER=""
}

# scenario_figure PHASE NAME: a figure of tb-bench; 0 when there is none.
scenario_figure() {
  awk -v name="$2" '$1 == name { print $2; found = 1 } END { if (!found) print 0 }' "$SCENARIO_DIR/$1"
}

# scenario_cues PHASE: those that were seen on; of the fault's own phase also those that the ops stream says appeared, for looking four times a
# second misses some on a busy machine.
scenario_cues() {
  {
    scenario_cues_seen "$1"
    [[ $1 != during ]] || cat "$SCENARIO_DIR/appeared" 2>/dev/null
  } | sort -u | paste -sd, -
}

# Effect: keeps which cues appeared while the fault was in force.
scenario_note_cues() {
  scenario_sql "SELECT DISTINCT payload->>'id' FROM ops_events WHERE type = 10 AND payload->>'active' = 'true' AND created_at BETWEEN to_timestamp($SCENARIO_BEGAN) AND to_timestamp($SCENARIO_OVER)" >"$SCENARIO_DIR/appeared"
}

scenario_cues_seen() {
  awk '$2 != "-" { n = split($2, cue, ","); for (i = 1; i <= n; i++) seen[cue[i]] = 1 } END { for (c in seen) print c }' "$SCENARIO_DIR/$1.watch"
}

scenario_queued() {
  awk '$1 > most { most = $1 } END { print most + 0 }' "$SCENARIO_DIR/$1.watch"
}

# Answers of 500 and above other than 503, which says that nothing was accepted.
scenario_bad_answers() {
  awk '$1 ~ /^status_5/ && $1 != "status_503" { sum += $2 } END { print sum + 0 }' "$SCENARIO_DIR/$1"
}

# expect WHAT VALUE TEST…: a line of the verdict.
scenario_expect() {
  local what=$1 value=$2 verdict=FAIL
  shift 2
  ! "$@" || verdict=PASS
  [[ $verdict == PASS ]] || SCENARIO_FAILED=yes
  printf '%s\t%s\t%s\n' "$verdict" "$what" "$value" >>"$SCENARIO_DIR/verdict"
}

scenario_has_cue() {
  [[ ,$(scenario_cues during), == *",$1,"* ]]
}

scenario_all_is_final() {
  [[ $(scenario_sql \
    "SELECT count(*) FROM orders o WHERE kind = 1 AND NOT EXISTS (SELECT 1 FROM executions e WHERE e.region = o.region AND e.order_seq = o.seq AND e.leg = 0)") == 0 ]]
}

# Effect: what has to hold, a line each. Return: whether all does.
scenario_judge() {
  local acknowledged=0 unresolved=0 bad=0 phase stored cue slower audit
  SCENARIO_FAILED=no
  : >"$SCENARIO_DIR/verdict"
  for phase in before during after; do
    acknowledged=$((acknowledged + $(scenario_figure $phase orders_acknowledged)))
    unresolved=$((unresolved + $(scenario_figure $phase unresolved)))
    bad=$((bad + $(scenario_bad_answers $phase)))
  done
  wait_for 60 scenario_all_is_final || true
  stored=$(($(scenario_orders) - SCENARIO_BEFORE))
  scenario_expect "orders were taken in every phase" "$acknowledged" scenario_every_phase_worked
  scenario_expect "none lost, none doubled: orders stored = orders acknowledged" "$stored = $acknowledged" test "$stored" -eq "$acknowledged"
  scenario_expect "every order was answered" "$unresolved without an answer" test "$unresolved" -eq 0
  scenario_expect "no answer of 500 and above but 503" "$bad" test "$bad" -eq 0
  scenario_expect "every order is final" "$(scenario_all_is_final && echo yes || echo no)" scenario_all_is_final
  case $SCENARIO in
    az-failure) cue=az-blip ;;
    *) cue=time-to-accept ;;
  esac
  scenario_expect "cue $cue was on during the fault" "$(scenario_cues during)" scenario_has_cue "$cue"
  scenario_expect "no cue is on at the end" "$(scenario_cues_are_off && echo none || scenario_status | jq -r '[.cues[]? | select(.active) | .id] | join(",")')" scenario_cues_are_off
  case $SCENARIO in
    az-failure)
      scenario_expect "the other zone filled orders while $SCENARIO_ZONE was away" "$(scenario_other_zone)" test "$(scenario_other_zone)" -gt 0
      ;;
    *)
      slower=$(scenario_figure during acknowledge_p99_ms)
      scenario_expect "acceptance was slower during the fault (p99, ms)" "$(scenario_figure before acknowledge_p99_ms) -> $slower" \
        awk -v a="$(scenario_figure before acknowledge_p99_ms)" -v b="$slower" 'BEGIN { exit !(b > a) }'
      ;;
  esac
  audit=$(audit_command 2>&1) && scenario_expect "the audit is clean" "$(tail -n 1 <<<"$audit")" true ||
    scenario_expect "the audit is clean" "$(grep -m 3 -iE 'broken|I[0-9]+' <<<"$audit" | paste -sd' ')" false
  [[ $SCENARIO_FAILED == no ]]
}

scenario_every_phase_worked() {
  local phase
  for phase in before during after; do
    (($(scenario_figure $phase orders_acknowledged) > 0)) || return 1
  done
}

# Orders that were accepted in another zone than the lost one, while it was lost.
scenario_other_zone() {
  scenario_sql "SELECT count(*) FROM executions WHERE leg = 0 AND az <> '$SCENARIO_ZONE' AND created_at BETWEEN to_timestamp($SCENARIO_BEGAN) AND to_timestamp($SCENARIO_OVER)"
}

scenario_row() {
  local phase
  printf '%-26s' "$1"
  for phase in before during after; do printf ' %12s' "$("$2" "$phase" "${3-}")"; done
  printf '\n'
}

scenario_print() {
  local phase verdict=PASS
  [[ $SCENARIO_FAILED == no ]] || verdict=FAIL
  if [[ $OPT_JSON == yes ]]; then
    for phase in before during after; do
      jq -Rn --arg phase "$phase" --arg cues "$(scenario_cues $phase)" --argjson queued "$(scenario_queued $phase)" \
        '{phase: $phase, cues: ($cues | split(",")), queuedMax: $queued, figures: ([inputs | split(" ") | {(.[0]): (.[1] | tonumber? // .[1])}] | add)}' \
        <"$SCENARIO_DIR/$phase"
    done | jq -s --arg scenario "$SCENARIO" --arg verdict "$verdict" --rawfile lines "$SCENARIO_DIR/verdict" \
      '{scenario: $scenario, verdict: $verdict, phases: ., checks: [$lines | split("\n")[] | select(. != "") | split("\t") | {ok: (.[0] == "PASS"), what: .[1], value: .[2]}]}'
    return
  fi
  printf '\n%-26s %12s %12s %12s\n' "$SCENARIO" before during after
  scenario_row "orders acknowledged" scenario_figure orders_acknowledged
  scenario_row "acknowledged p50, ms" scenario_figure acknowledge_p50_ms
  scenario_row "acknowledged p99, ms" scenario_figure acknowledge_p99_ms
  scenario_row "acknowledged max, ms" scenario_figure acknowledge_max_ms
  scenario_row "sent again" scenario_figure retried
  scenario_row "connections lost" scenario_figure broken
  scenario_row "answers 503" scenario_figure status_503
  scenario_row "queued events, most" scenario_queued
  for phase in before during after; do
    [[ -z $(scenario_cues $phase) ]] || say "cues on $phase: $(scenario_cues $phase)"
  done
  say ""
  awk -F '\t' '{ printf "%s  %s: %s\n", $1, $2, $3 }' "$SCENARIO_DIR/verdict"
  say "$verdict"
}
