# shellcheck shell=bash
# operate: kill, logs, bench. (fault, scenario and upgrade have files of their own.)

instance_must_run() {
  service_user_prepare
  [[ -e $DATA/layout ]] && supervisor_is_up || fail "nothing is running in $DATA" "Start it: ./tulip up --data $DATA"
}

# services_matching ACTOR[/INSTANCE|/leader]: the service names meant. Without an instance: all of that actor.
services_matching() {
  local actor=${1%%/*} instance="" name
  [[ $1 != */* ]] || instance=${1#*/}
  if [[ $instance == leader ]]; then
    health_ask
    for name in "${!HEALTH_STATES[@]}"; do
      [[ ${name%/*} != "$actor" || ${HEALTH_STATES[$name]} != READY* ]] || instance=${name#*/}
    done
    [[ $instance != leader ]] || fail "no instance of $actor leads just now"
  fi
  for name in $(service_names); do
    case $name in
      "$actor" | "$actor-${instance:-${name##*-}}") printf '%s\n' "$name" ;;
    esac
  done
}

# services_named ACTOR…: the same, and an unknown name is an error.
services_named() {
  local found
  found=$(services_matching "$1")
  [[ -n $found ]] || fail "there is no $1 here" "There are: $(for name in $(service_names); do service_title "$name"; done | paste -sd' ')"
  printf '%s\n' "$found"
}

# services_of_az ZONE: the services in an availability zone; an unknown one is an error.
services_of_az() {
  local name found=() zones=()
  for name in $(service_names); do
    zones+=("$(service_az "$name")")
    [[ -z $1 || ${zones[-1]} != "$1" ]] || found+=("$name")
  done
  ((${#found[@]} > 0)) || fail "there is no availability zone $1 here" "There are: $(printf '%s\n' "${zones[@]}" | sort -u | xargs)"
  printf '%s\n' "${found[@]}"
}

# kill_together NAME…: one signal to all of them at once.
kill_together() {
  local name pid pids=()
  for name in "$@"; do
    ! pid=$(service_pid "$name") || pids+=("$pid")
  done
  ((${#pids[@]} > 0)) || fail "none of them has a process just now"
  kill "-$OPT_SIGNAL" "${pids[@]}" || true # one may have ended by itself meanwhile
  say "SIG$OPT_SIGNAL to $(for name in "$@"; do service_title "$name"; done | paste -sd' ')"
}

kill_command() {
  local name pid names target=${1-}
  [[ -n $target || -n ${OPT[az]-} ]] || wrong_usage "kill whom?"
  [[ -z $target || -z ${OPT[az]-} ]] || wrong_usage "kill takes one actor, or --az"
  kill -l "$OPT_SIGNAL" >/dev/null 2>&1 || wrong_usage "there is no signal $OPT_SIGNAL"
  instance_must_run
  if [[ -n ${OPT[az]-} ]]; then
    names=$(services_of_az "${OPT[az]}")
    # shellcheck disable=SC2086 # a word each
    kill_together $names
    return
  fi
  names=$(services_named "$target")
  if [[ $target != */* && $names == *$'\n'* ]]; then # several instances, none named: the one that does the work
    names=$(services_named "$target/leader")
  fi
  for name in $names; do
    pid=$(service_pid "$name") || fail "$(service_title "$name") has no process just now"
    kill "-$OPT_SIGNAL" "$pid"
    say "SIG$OPT_SIGNAL to $(service_title "$name") (process $pid)"
  done
}

# Log lines as someone reads them: time, level, who, what, and what belongs to it. PostgreSQL's own lines are brought to that form; one that is
# neither (an assertion, a statement's second line) keeps the time of the line before it.
logs_text() {
  jq -nRr --unbuffered '
    def pad($n): . + (($n - length) as $short | if $short > 0 then " " * $short else "" end);
    foreach inputs as $line ({ts: "-"};
      ((try ($line | fromjson) catch null) | if type == "object" and has("ts") then . else null end) as $json
      | if $json then
          {ts: $json.ts, text: "\($json.level | pad(7)) \("\($json.actor)/\($json.instance)" | pad(13)) \($json.message)\($json
            | del(.ts, .level, .actor, .instance, .message) | to_entries | map("  \(.key)=\(.value)") | join(""))"}
        else
          ($line | capture("^(?<day>[0-9]{4}-[0-9]{2}-[0-9]{2}) (?<time>[0-9:]{8}\\.[0-9]{3}) [A-Z]{3} (?<rest>.*)")? // null) as $pg
          | if $pg then {ts: "\($pg.day)T\($pg.time)Z", text: "\("-" | pad(7)) \("postgres" | pad(13)) \($pg.rest)"}
            else {ts: .ts, text: "\("-" | pad(7)) \("-" | pad(13)) \($line)"} end
        end;
      "\(.ts) \(.text)")'
}

# logs_merged FILE…: the last lines of all, by time.
logs_merged() {
  local file
  for file in "$@"; do
    tail -n 100 -- "$file" | logs_text
  done | LC_ALL=C sort -s -k 1,1 | tail -n 200
}

logs_command() {
  local name files=() names
  [[ -d $LOGS ]] || fail "there are no logs in $DATA"
  if [[ -n ${1-} ]]; then names=$(services_named "$1"); else names=$(service_names); fi
  for name in $names; do
    [[ ! -e $LOGS/$name/current ]] || files+=("$LOGS/$name/current")
  done
  ((${#files[@]} > 0)) || fail "nothing was logged yet"
  if [[ $OPT_FOLLOW == yes ]]; then
    [[ $OPT_JSON == no ]] || exec tail -q -n 20 -F "${files[@]}"
    tail -q -n 20 -F "${files[@]}" 2>/dev/null | logs_text
  elif [[ $OPT_JSON == yes ]]; then
    cat -- "${files[@]}"
  elif ((${#files[@]} == 1)); then
    logs_text <"${files[0]}"
  else
    logs_merged "${files[@]}"
  fi
}

bench_command() {
  [[ -x $TULIP_HOME/tests/bench/run.sh ]] || fail "tests/bench/run.sh is not there"
  exec "$TULIP_HOME/tests/bench/run.sh" --data "$DATA" --port "${OPT_PORT:-$(settings_get TB_PORT 8080)}" "$@"
}
