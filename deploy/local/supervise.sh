# shellcheck shell=bash
# supervise: s6 (docs/decisions/0001-supervisor-s6.md). DATA/service/NAME is what s6-supervise watches, NAME being postgres or ACTOR-INSTANCE;
# each has a logger of its own that rotates into DATA/log/NAME. We touch only processes that this tree says are ours.

# The services there are, in the order they start: the database, the actors, who begins and ends faults (TB_ENABLE_FAULTS).
service_names() {
  local name instance
  for name in postgres "${ACTORS[@]}" faults; do
    for instance in "" -1 -2; do
      [[ ! -d $SERVICES/$name$instance ]] || printf '%s\n' "$name$instance"
    done
  done
}

# The words as /bin/sh reads them, whatever is in them.
sh_quote() {
  printf "'%s' " "${@//\'/\'\\\'\'}"
}

# service_write NAME COMMAND…: stages a service that starts stopped.
service_write() {
  local name=$1
  shift
  stage_script "service/$name/run" 'exec 2>&1' "exec $(sh_quote "$@")"
  stage_script "service/$name/finish" "exec $(sh_quote "$TULIP_HOME/deploy/local/note-death" "$DATA" "$name")\"\$@\""
  # Not -b: a logger whose disk is full keeps lines in memory, and whoever logs goes on. At 64 MiB it dies of it, and the next one begins anew.
  stage_script "service/$name/log/run" 'ulimit -v 65536' "exec s6-log n10 s10000000 $(sh_quote "$LOGS/$name")"
  stage "service/$name/down" ""
}

# service_write_actor ACTOR INSTANCE: the first instances are in one availability zone, the second in another; TB_AZ names another for all.
service_write_actor() {
  local zone
  zone=$(settings_get TB_REGION "${TB_REGION:-nl-1}")$([[ $2 == 1 ]] && echo a || echo b)
  service_write "$1-$2" "$TULIP_HOME/deploy/local/run-actor" "$DATA" "$1" "$2" "$BIN"
  stage "service/$1-$2/az" "${TB_AZ:-$zone}"
}

# The availability zone a service is in; nothing for the database, which is the region's.
service_az() {
  local zone
  [[ ! -r $SERVICES/$1/az ]] || { read -r zone <"$SERVICES/$1/az" && printf '%s\n' "$zone"; }
}

# Effect: stages all services, and forgets how often they were restarted before.
services_write() {
  local actor
  as_service rm -rf -- "$SERVICES" "$RUN_DIR/faults" "$RUN_DIR/faults-ended"
  as_service find "$DATA/run" -maxdepth 1 \( -name '*.restarts' -o -name '*.death' -o -name '*.loop' -o -name '*.held' -o -name '*.paused' \
    -o -name stopping \) -delete
  if postgres_is_private; then
    service_write postgres "$TULIP_HOME/deploy/local/run-postgres" "$DATA" "$PG_BIN/postgres" "$CLUSTER"
    stage service/postgres/down-signal SIGINT # fast shutdown: do not wait for clients to go
  fi
  for actor in "${ACTORS[@]}"; do
    service_write_actor "$actor" 1
  done
  if [[ $OPT_STANDBY == yes ]]; then
    for actor in "${STANDBY_ACTORS[@]}"; do
      service_write_actor "$actor" 2
    done
  fi
  if faults_are_wanted; then
    as_service mkdir -m 0700 -- "$RUN_DIR/faults" "$RUN_DIR/faults-ended"
    service_write faults "$TULIP_HOME/deploy/local/run-faults" "$DATA"
  fi
}

supervisor_is_up() {
  [[ -d $SERVICES ]] && as_service s6-svscanctl -a "$SERVICES" 2>/dev/null
}

supervisor_is_down() {
  ! supervisor_is_up
}

# Whether any service still has its s6-supervise: true also when s6-svscan itself was killed.
services_are_watched() {
  local name
  for name in $(service_names); do
    ! s6-svok "$SERVICES/$name" || return 0
  done
  return 1
}

services_are_unwatched() {
  ! services_are_watched
}

services_are_all_watched() {
  local name
  for name in $(service_names); do
    s6-svok "$SERVICES/$name" || return 1
  done
}

# Effect: this shell holds no file but the three standard ones, whatever its caller left open: a lock, the pipe of a program that waits for its end.
close_inherited() {
  local file number
  for file in "/proc/$BASHPID/fd"/*; do
    number=${file##*/}
    ((number <= 2)) || exec {number}>&-
  done
}

# Effect: starts s6-svscan in a session of its own, so that it outlives this terminal, with a clean environment and nothing of the caller's open.
supervisor_start() {
  local clean=(env -i "PATH=$PATH" LC_ALL=C.UTF-8 TZ=UTC HOME=/nonexistent) name
  for name in ASAN_OPTIONS UBSAN_OPTIONS LSAN_OPTIONS; do
    [[ -z ${!name-} ]] || clean+=("$name=${!name}")
  done
  # In the background of a shell that ends at once: one of ours would wait beside it for as long as it lives.
  (
    close_inherited
    as_service sh -c 'cd "$1" && shift && { "$@" & }' start "$DATA" setsid "${clean[@]}" s6-svscan "$SERVICES"
  ) </dev/null >/dev/null 2>"$(as_service sh -c ': >>"$1"; echo "$1"' log "$LOGS/supervisor.log")"
  wait_for 10 services_are_all_watched || {
    tail -n 5 "$LOGS/supervisor.log" >&2
    fail "s6-svscan did not come up" "Its log is $LOGS/supervisor.log."
  }
}

service_pid() {
  local pid
  pid=$(s6-svstat -o pid "$SERVICES/$1" 2>/dev/null) && ((pid > 0)) && printf '%s\n' "$pid"
}

# Whether a service's supervisor has a process under it just now (the service's own, or the one that notes its end), as the kernel knows. What
# s6-svstat says comes from a file, which cannot be written where the disk is full. A supervisor that cannot be found may have one.
service_has_process() {
  # shellcheck disable=SC2016 # for the inner shell
  as_service sh -c 'for pid in $(pgrep -x s6-supervise); do
    [ "$(readlink "/proc/$pid/cwd")" = "$1" ] || continue
    pgrep -P "$pid" >/dev/null
    exit
  done' look "$SERVICES/$1" 2>/dev/null
}

# service_wait_down SECONDS NAME: whether it has ended within that time: its supervisor says so, or has had no process for two looks.
service_wait_down() {
  local deadline=$((SECONDS + $1)) without=0
  until as_service s6-svwait -D -t 200 "$SERVICES/$2" 2>/dev/null; do
    if service_has_process "$2"; then without=0; else without=$((without + 1)); fi
    ((without < 2)) || return 0
    ((SECONDS < deadline)) || return 1
  done
}

# service_stop SECONDS NAME…: asks them to end and waits; whoever has not ended by then is killed. The database is first told to end at once
# (SIGQUIT): its log is on the disk, and replayed at the next start.
service_stop() {
  local seconds=$1 name
  shift
  for name in "$@"; do
    s6-svok "$SERVICES/$name" && as_service s6-svc -d "$SERVICES/$name" || true
  done
  for name in "$@"; do
    s6-svok "$SERVICES/$name" || continue
    service_wait_down "$seconds" "$name" && continue
    if [[ $name == postgres ]]; then
      warn "postgres did not stop within $seconds s and ends at once; its next start replays its log"
      as_service s6-svc -q "$SERVICES/$name"
      ! service_wait_down 5 "$name" || continue
    fi
    warn "$name did not stop within $seconds s and was killed"
    as_service s6-svc -k "$SERVICES/$name"
    service_wait_down 5 "$name" || true
  done
}

# Whether the instance's disk takes some bytes yet.
disk_takes_bytes() {
  as_service sh -c 'head -c 65536 /dev/zero >"$1"; state=$?; rm -f -- "$1"; exit "$state"' bytes "$DATA/run/room" 2>/dev/null
}

# Effect: waits until s6-svscan has gone. A logger that cannot write keeps its lines and does not end: it is killed, and they are lost.
supervisor_wait_down() {
  local name seconds=20
  disk_takes_bytes || seconds=3
  ! wait_for "$seconds" supervisor_is_down || return 0
  for name in $(service_names); do
    as_service s6-svc -kx "$SERVICES/$name/log" 2>/dev/null || true
  done
  wait_for 10 supervisor_is_down || return 1
  warn "the last lines of some logs could not be written and are lost$(disk_takes_bytes || printf ': the disk is full')"
}

# Effect: stops everything, those first that take work in, the database last. Nothing happens where nothing runs.
supervisor_stop() {
  as_service touch -- "$DATA/run/stopping" || # see note-death
    fail "nothing can be written in $DATA" "Make room on that disk first, but not in $CLUSTER (docs/RUNBOOK.md, \"Disk full\")."
  local name gateways=() others=()
  for name in $(service_names); do
    case $name in
      gateway-*) gateways+=("$name") ;;
      postgres) ;;
      *) others+=("$name") ;;
    esac
  done
  service_stop 10 ${gateways[@]+"${gateways[@]}"}
  service_stop 10 ${others[@]+"${others[@]}"}
  [[ ! -d $SERVICES/postgres ]] || service_stop 60 postgres
  as_service s6-svscanctl -t "$SERVICES" 2>/dev/null || for name in $(service_names); do
    # s6-svscan was killed: its supervisors go on without it and have to be told one by one.
    as_service s6-svc -x "$SERVICES/$name" 2>/dev/null || true
    as_service s6-svc -x "$SERVICES/$name/log" 2>/dev/null || true
  done
  wait_for 20 services_are_unwatched && supervisor_wait_down ||
    fail "the supervisor in $SERVICES did not end" "Look with: ps -ef | grep s6-"
}

down_command() {
  [[ -e $DATA/layout ]] || {
    say "nothing is running in $DATA"
    return 0
  }
  service_user_prepare
  instance_lock
  if supervisor_is_down && services_are_unwatched; then
    say "nothing is running in $DATA"
  else
    supervisor_stop
    [[ $RUN_DIR == "$DATA/run" ]] || as_service rm -rf -- "$RUN_DIR" # it is in /tmp
    say "stopped"
  fi
  instance_unlock
}
