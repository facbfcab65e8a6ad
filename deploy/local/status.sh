# shellcheck shell=bash
# status: what s6 knows (pid, uptime) joined with what the gateway knows (/health/ready: state, lag) and our own count of restarts.

# Effect: HEALTH_CODE and HEALTH_BODY become the answer of /health/ready; code 000 when there is none.
health_ask() {
  local answer
  HEALTH_CODE=000 HEALTH_BODY='{}'
  answer=$(curl -s -m 2 --noproxy '*' -w '\n%{http_code}' "http://127.0.0.1:${PORT:-$(settings_get TB_PORT 8080)}/health/ready" 2>/dev/null) || return 0
  HEALTH_CODE=${answer##*$'\n'}
  HEALTH_BODY=${answer%$'\n'*}
  jq -e 'type == "object"' <<<"$HEALTH_BODY" >/dev/null 2>&1 || HEALTH_BODY='{}'
}

health_is_ready() {
  health_ask
  [[ $HEALTH_CODE == 200 ]]
}

# health_of ACTOR INSTANCE: "state lag", or nothing where the gateway has not heard of it.
health_of() {
  jq -r --arg name "$1" --arg instance "$2" '.actors[]? | select(.name == $name and (.instance | tostring) == $instance) | "\(.state) \(.lag // "-")"' \
    <<<"$HEALTH_BODY" 2>/dev/null | head -n 1
}

service_restarts() {
  local count=0
  [[ ! -r $DATA/run/$1.restarts ]] || count=$(<"$DATA/run/$1.restarts")
  printf '%s\n' "${count:-0}"
}

# A line each: name pid seconds-up restarts last-death.
service_lines() {
  local name up pid seconds death
  for name in $(service_names); do
    read -r up pid seconds <<<"$(as_service s6-svstat -o up,pid,updownfor "$SERVICES/$name" 2>/dev/null || echo 'false -1 0')"
    death=-
    [[ ! -r $DATA/run/$name.death ]] || death=$(<"$DATA/run/$name.death")
    [[ $up == true ]] || pid=-
    printf '%s %s %s %s %s\n' "$name" "$pid" "$seconds" "$(service_restarts "$name")" "${death// /-}"
  done
}

# What "up" in the foreground watches for changes.
services_summary() {
  local name pid seconds restarts death
  service_lines | while read -r name pid seconds restarts death; do
    printf '%s pid %s, restarted %s times, last end: %s\n' "$(service_title "$name")" "$pid" "$restarts" "$(death_text "$death")"
  done
}

death_text() {
  [[ $1 == - ]] && printf -- "-\n" || printf "%s\n" "${1/-/ }"
}

# sequencer-1 is shown as sequencer/1.
service_title() {
  case $1 in
    postgres) printf 'postgres\n' ;;
    *) printf '%s/%s\n' "${1%-*}" "${1##*-}" ;;
  esac
}

service_state() {
  local name=$1 pid=$2 seconds=$3 loop=0 health
  [[ ! -r $DATA/run/$name.loop ]] || loop=$(<"$DATA/run/$name.loop")
  if ((loop >= 3 && seconds < 5)); then
    printf 'CRASHING -\n'
  elif [[ $pid == - ]]; then
    printf 'DOWN -\n'
  elif [[ $name == postgres ]]; then
    postgres_answers && printf 'READY -\n' || printf 'STARTING -\n'
  else
    health=$(health_of "${name%-*}" "${name##*-}")
    printf '%s\n' "${health:-UNSEEN -}"
  fi
}

# Names of those that are neither ready nor standing by.
services_unready() {
  local name pid seconds restarts death state lag
  service_lines | while read -r name pid seconds restarts death; do
    read -r state lag <<<"$(service_state "$name" "$pid" "$seconds")"
    [[ $state == READY || $state == STANDBY ]] || printf '%s\n' "$name"
  done
}

status_table() {
  local name pid seconds restarts death state lag
  printf '%-14s %-10s %8s %10s %9s %6s  %s\n' ACTOR STATE PID UPTIME RESTARTS LAG 'LAST END'
  service_lines | while read -r name pid seconds restarts death; do
    read -r state lag <<<"$(service_state "$name" "$pid" "$seconds")"
    printf '%-14s %-10s %8s %9ss %9s %6s  %s\n' "$(service_title "$name")" "$state" "$pid" "$seconds" "$restarts" "$lag" "$(death_text "$death")"
  done
}

status_command() {
  if [[ ! -e $DATA/layout ]] || ! command -v s6-svscanctl >/dev/null; then
    say "not running (no data in $DATA)"
    exit 3
  fi
  service_user_prepare
  if supervisor_is_down; then
    say "not running (data in $DATA)"
    services_are_unwatched || warn "s6-svscan was killed and its children go on without it: ./tulip down, then up"
    exit 3
  fi
  health_ask
  status_table
  if [[ $HEALTH_CODE == 200 ]]; then
    say "ready: http://127.0.0.1:$(settings_get TB_PORT 8080)"
  else
    say "not ready (/health/ready: $([[ $HEALTH_CODE == 000 ]] && echo 'no answer' || echo "$HEALTH_CODE")); not ready are: $(services_unready | paste -sd' ')"
    exit 1
  fi
}
