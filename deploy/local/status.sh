# shellcheck shell=bash
# status: what s6 knows (pid, uptime) joined with what the gateway knows (/health/ready: state, lag) and our own count of restarts.

declare -A HEALTH_STATES=() # of "actor/instance": "state lag"

# The address HTTP is served at, as one on this machine reaches it.
http_url() {
  local host
  host=$(settings_get TB_LISTEN 127.0.0.1)
  [[ $host != 0.0.0.0 && $host != :: ]] || host=127.0.0.1
  [[ $host != *:* ]] || host="[$host]"
  printf 'http://%s:%s\n' "$host" "${PORT:-$(settings_get TB_PORT 8080)}"
}

# http_get PATH [OPTION…]: asks the gateway.
http_get() {
  curl -s -m 2 --noproxy '*' "${@:2}" "$(http_url)$1"
}

health_is_ready() {
  [[ $(http_get /health/ready -o /dev/null -w '%{http_code}') == 200 ]]
}

# Effect: HEALTH_CODE becomes the code of /health/ready, 000 when there is no answer; HEALTH_STATES what it says of each actor.
health_ask() {
  local answer title state
  HEALTH_CODE=000 HEALTH_STATES=()
  answer=$(http_get /health/ready -w '\n%{http_code}') || return 0
  HEALTH_CODE=${answer##*$'\n'}
  while read -r title state; do
    HEALTH_STATES[$title]=$state
  done < <(jq -r '.actors[]? | "\(.name)/\(.instance) \(.state) \(.lag // "-")"' <<<"${answer%$'\n'*}" 2>/dev/null)
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
    read -r up pid seconds <<<"$(s6-svstat -o up,pid,updownfor "$SERVICES/$name" 2>/dev/null || echo 'false -1 0')"
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
    postgres | faults) printf '%s\n' "$1" ;;
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
  elif [[ $name == faults ]]; then
    printf 'READY -\n'
  elif [[ $name == postgres ]]; then
    postgres_answers && printf 'READY -\n' || printf 'STARTING -\n'
  else
    health=${HEALTH_STATES[$(service_title "$name")]-}
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
    say "ready: $(http_url)"
  else
    say "not ready (/health/ready: $([[ $HEALTH_CODE == 000 ]] && echo 'no answer' || echo "$HEALTH_CODE")); not ready are: $(services_unready | paste -sd' ')"
    exit 1
  fi
}
