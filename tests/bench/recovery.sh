#!/usr/bin/env bash
# recovery: how long each actor of a running instance takes from kill -9 to READY again (as GET /health/ready shows it, with its new process id),
# and how much memory each has now and has had at most. Tables in Markdown on standard output. Compare a short history with a long one
# (tests/bench/history.sh): neither may grow with it.
set -euo pipefail

TULIP_HOME=$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")
ACTORS=(sequencer simfill balance persona reconciler gateway)
COMMAND=recovery
for part in common settings postgres supervise; do
  # shellcheck source=/dev/null
  source "$TULIP_HOME/deploy/local/$part.sh"
done
DATA_DIR=./.tulip PORT=8080 TIMES=5

usage() {
  printf 'usage: tests/bench/recovery.sh [--data DIR] [--port N] [--times 5]\n' >&2
  exit 2
}

while (($# > 0)); do
  (($# > 1)) || usage
  case $1 in
    --data) DATA_DIR=$2 ;;
    --port) PORT=$2 ;;
    --times) TIMES=$2 ;;
    *) usage ;;
  esac
  shift 2
done

now_ms() {
  date +%s%3N
}

# Whether all is ready, and the actor is another process than it was.
is_back() { # is_back ACTOR OLD_PID
  local answer
  answer=$(curl -sf -m 1 "http://127.0.0.1:$PORT/health/ready" 2>/dev/null) || return 1
  jq -e --arg actor "$1" --argjson old "$2" 'any(.actors[]; .name == $actor and .pid != $old and .state == "READY")' <<<"$answer" >/dev/null
}

# kill_once ACTOR: prints the milliseconds it was away.
kill_once() {
  local pid begin
  pid=$(service_pid "$1-1")
  begin=$(now_ms)
  kill -9 "$pid"
  until is_back "$1" "$pid"; do
    (($(now_ms) - begin < 60000)) || fail "$1 did not come back within 60 s"
  done
  printf '%s\n' $(($(now_ms) - begin))
  sleep 1.5 # s6 starts one that lived shorter than a second later, which is not what is measured here
}

memory_mib() { # memory_mib PID FIELD
  awk -v field="$2:" '$1 == field { printf "%.1f", $2 / 1024 }' "/proc/$1/status"
}

main() {
  instance_open "$DATA_DIR"
  service_user_prepare
  local actor pid count index
  printf '| actor | memory now, MiB | at most, MiB |\n|---|---|---|\n'
  for actor in "${ACTORS[@]}"; do
    pid=$(service_pid "$actor-1")
    printf '| %s | %s | %s |\n' "$actor" "$(memory_mib "$pid" VmRSS)" "$(memory_mib "$pid" VmHWM)"
  done
  printf '\n| kill -9 to READY, ms | median of %s | worst |\n|---|---|---|\n' "$TIMES"
  for actor in "${ACTORS[@]}"; do
    count=()
    for ((index = 0; index < TIMES; index++)); do count+=("$(kill_once "$actor")"); done
    printf '%s\n' "${count[@]}" | sort -n | awk -v actor="$actor" '{ t[NR] = $1 } END { printf "| %s | %d | %d |\n", actor, t[int((NR + 1) / 2)], t[NR] }'
  done
}

main
