# shellcheck shell=bash
# upgrade: the next version takes over, one instance after the other (docs/FAULTS.md, "Rolling upgrade"). New binaries beside the running ones
# (the build, or TB_BUILD_DIR), then the schema (which only grows: the version before goes on working), then of each pair first who stands by
# and then who leads. An actor without a second instance gets one for the time of its own restart.

UPGRADE_SECONDS=30

upgrade_command() {
  local actor instances
  instance_must_run
  instance_lock
  build_release
  ui_build
  settings_check # every actor looks at the settings it will get
  health_is_ready || fail "the instance is not ready; an upgrade would make it worse" "./tulip status$(data_hint)"
  ! upgrade_has_faults || fail "faults are in force" "End them: ./tulip fault clear$(data_hint)"
  upgrade_check_versions
  migrate_run "$(settings_get TB_REGION nl-1)"
  stage_begin && settings_note_build && stage_end
  for actor in "${ACTORS[@]}"; do
    mapfile -t instances < <(upgrade_order "$actor")
    if ((${#instances[@]} == 1)); then
      upgrade_with_helper "$actor" "${instances[0]}"
    else
      upgrade_one "${instances[0]}"
      upgrade_one "${instances[1]}"
    fi
  done
  instance_unlock
  say "upgraded to $(settings_get TB_BUILD_COMMIT unknown): $(http_url)"
}

upgrade_has_faults() {
  local file
  for file in "$RUN_DIR"/faults/*; do
    [[ ! -f $file ]] || return 0
  done
  return 1
}

# Effect: refuses settings that the new version does not take, before anything is stopped.
upgrade_check_versions() {
  local actor why
  for actor in "${ACTORS[@]}"; do
    why=$(as_service s6-envdir "$SETTINGS" "$BIN/tb-$actor" --print-config 2>&1 >/dev/null) ||
      fail "the new tb-$actor does not take the settings of this instance: $why" "Nothing was changed. ./tulip down and up with other settings."
  done
}

# The instances of an actor, who leads last.
upgrade_order() {
  local name names=() leader=""
  health_ask
  for name in $(services_matching "$1"); do
    if [[ -z $leader && ${HEALTH_STATES[$(service_title "$name")]-} == READY* ]]; then leader=$name; else names+=("$name"); fi
  done
  printf '%s\n' ${names[@]+"${names[@]}"} ${leader:+"$leader"}
}

# service_is_up NAME: whether the gateway hears it as READY or STANDBY, from the process that runs now.
service_is_up() {
  local pid
  pid=$(service_pid "$1") || return 1
  [[ $(curl -s -m 2 --noproxy '*' "$(http_url)/health/ready" | jq -r --arg name "${1%-*}" --arg instance "${1##*-}" --argjson pid "$pid" \
    '.actors[]? | select(.name == $name and .instance == $instance and .pid == $pid) | .state' 2>/dev/null) =~ ^(READY|STANDBY)$ ]]
}

# Effect: one instance is stopped cleanly and started from the new binaries; returns when it is ready or stands by.
upgrade_one() {
  local name=$1
  stage_begin
  stage_script "service/$name/run" 'exec 2>&1' "exec $(sh_quote "$TULIP_HOME/deploy/local/run-actor" "$DATA" "${name%-*}" "${name##*-}" "$BIN")"
  stage_end
  as_service touch -- "$DATA/run/$name.held" # its supervisor leaves it down until we say so
  service_stop 10 "$name"
  as_service rm -f -- "$DATA/run/$name.held"
  as_service s6-svc -u "$SERVICES/$name"
  wait_for "$UPGRADE_SECONDS" service_is_up "$name" ||
    fail "$(service_title "$name") of the new version is not ready after $UPGRADE_SECONDS s; the others were left as they are" \
      "Its log: ./tulip logs $(service_title "$name")$(data_hint)"
  say "$(service_title "$name"): new version, process $(service_pid "$name")"
}

# upgrade_with_helper ACTOR NAME: the same for one that is alone: a second instance of the new version takes over meanwhile.
upgrade_with_helper() {
  local helper
  helper=$1-$([[ $2 == *-1 ]] && echo 2 || echo 1)
  stage_begin
  service_write_actor "$1" "${helper##*-}"
  stage "service/$helper/az" "$(service_az "$2")" # no zone of its own
  stage_end
  as_service s6-svscanctl -a "$SERVICES"
  wait_for 10 s6-svok "$SERVICES/$helper" || fail "$helper is not supervised"
  as_service s6-svc -u "$SERVICES/$helper"
  wait_for "$UPGRADE_SECONDS" service_is_up "$helper" || {
    upgrade_drop "$helper"
    fail "$1 of the new version is not ready after $UPGRADE_SECONDS s; the present one was left as it is" "Its log is $LOGS/$helper/current."
  }
  upgrade_one "$2"
  upgrade_drop "$helper"
}

# Effect: stops a second instance that was there for the upgrade only, and forgets it.
upgrade_drop() {
  as_service touch -- "$DATA/run/$1.held"
  service_stop 10 "$1"
  as_service rm -rf -- "${SERVICES:?}/$1"
  as_service s6-svscanctl -an "$SERVICES"
  as_service find "$DATA/run" -maxdepth 1 -name "$1.*" -delete
}
