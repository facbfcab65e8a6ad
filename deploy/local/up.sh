# shellcheck shell=bash
# up: from nothing, or from anything, to a system that answers. Whatever can be refused is refused before anything is started.

READY_SECONDS=60

up_command() {
  PORT=${OPT_PORT:-${TB_PORT:-8080}}
  [[ $PORT =~ ^[1-9][0-9]{0,4}$ ]] && ((PORT <= 65535)) || wrong_usage "$PORT is not a port (1 to 65535)"
  instance_check
  if [[ -e $DATA/layout ]] && command -v s6-svscanctl >/dev/null; then
    service_user_prepare
    ! up_is_running_already || return 0
  fi
  up_port_check
  disk_check
  install_missing "${PACKAGES_UP[@]}"
  postgres_check_binaries
  build_release
  ui_build
  settings_check

  service_user_prepare
  instance_create
  instance_lock
  if up_is_running_already; then # another "up" was faster
    return 0
  fi
  up_port_check
  up_start
  instance_unlock
  say "TulipBroker is ready: $(http_url)   (./tulip status$(data_hint), ./tulip down$(data_hint))"
  [[ $OPT_DETACH == yes ]] || up_foreground
}

# " --data DIR" for a hint to the user, nothing for the default directory.
data_hint() {
  [[ $DATA == "$(readlink -m .tulip)" ]] || printf ' --data %q' "$DATA"
}

# The port may be held by a gateway of ours whose s6-svscan was killed: it goes when the rest of it is stopped.
up_port_check() {
  [[ -d $SERVICES ]] && command -v s6-svok >/dev/null && services_are_watched && port_is_taken "$PORT" && port_is_ours || port_check
}

up_is_running_already() {
  supervisor_is_up || return 1
  local running
  running=$(settings_get TB_PORT 0)
  if [[ $running != "$PORT" ]]; then
    fail "$DATA is in use: it is running already, on port $running" \
      "Use that one, stop it (./tulip down$(data_hint)), or start another beside it with another --data directory."
  fi
  wait_for "$READY_SECONDS" health_is_ready || up_say_unready "it is running already, but not ready"
  say "running already: $(http_url)"
  settings_compare
}

up_start() {
  local name begin
  if services_are_watched; then
    say "stopping what an s6-svscan that was killed has left behind"
    supervisor_stop
  fi
  if postgres_is_private; then
    postgres_check_unused
    postgres_create
  fi
  stage_begin
  ! postgres_is_private || postgres_configure
  postgres_note_url
  settings_write
  keys_prepare
  services_write
  stage_end
  # From here on something runs: whatever goes wrong, it is stopped again. The logs stay.
  trap 'up_undo' EXIT
  trap 'exit 130' INT TERM HUP
  supervisor_start
  ! postgres_is_private || wait_for 5 as_service s6-svc -u "$SERVICES/postgres" # seen once on a busy machine: "supervisor not listening"
  postgres_wait
  migrate_run "$(settings_get TB_REGION nl-1)"
  for name in $(service_names); do
    wait_for 5 as_service s6-svc -u "$SERVICES/$name"
  done
  begin=$SECONDS
  wait_for "$READY_SECONDS" up_is_decided && health_is_ready || up_say_unready "not ready after $((SECONDS - begin)) s"
  port_is_ours || fail "port $PORT was taken by another program meanwhile" "Use another one: ./tulip up --port $((PORT < 65535 ? PORT + 1 : 8080))"
  trap - EXIT INT TERM HUP
}

# Whether waiting may end: all is ready, or something dies again and again as soon as it is started.
up_is_decided() {
  health_is_ready || grep -qsxE '[3-9]|[0-9]{2,}' "$DATA"/run/*.loop
}

up_undo() {
  trap '' INT TERM HUP
  warn "stopping again what was started"
  supervisor_stop
}

# Effect: says who is not ready and what it said last, and ends with 1.
up_say_unready() {
  local name
  warn "$1:"
  health_ask
  status_table >&2
  for name in $(services_unready); do
    printf '\nthe last words of %s (%s/%s):\n' "$name" "$LOGS" "$name" >&2
    tail -n 5 -- "$LOGS/$name/current" >&2 2>/dev/null || true
  done
  exit 1
}

# Effect: shows what happens until Ctrl-C, or until someone else stops the system; then stops it.
up_foreground() {
  local name files=()
  trap 'exit 0' INT TERM HUP
  trap 'up_foreground_end' EXIT
  for name in $(service_names); do files+=("$LOGS/$name/current"); done
  # --pid: it ends with us, however we end.
  tail --pid=$$ -q -n 0 -F "${files[@]}" 2>/dev/null 9<&- > >(grep --line-buffered -E '"level":"(warning|error)"|(ERROR|FATAL|PANIC):') &
  say "Ctrl-C stops it. Warnings and errors appear here; ./tulip logs shows everything."
  local before="" now
  while supervisor_is_up; do
    now=$(services_summary)
    [[ -z $before || $now == "$before" ]] || diff <(printf '%s\n' "$before") <(printf '%s\n' "$now") | sed -n 's/^> /now: /p' || true
    before=$now
    sleep 2
  done
  say "stopped by someone else"
}

up_foreground_end() {
  trap '' INT TERM HUP
  down_command
}
