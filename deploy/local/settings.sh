# shellcheck shell=bash
# settings: the TB_ variables given to "up". They are checked against what the actors know and kept in DATA/settings, one file each, from
# which s6-envdir gives them to every start of an actor: a restart has the settings of "up".

SETTINGS_GIVEN=() # names of the TB_ variables in our environment that are settings

# Those the launcher and the tests know themselves, and those it gives each actor.
settings_is_exempt() {
  case $1 in
    TB_BUILD_DIR | TB_SOURCE_DIR | TB_FAULT | TB_TEST_*) return 0 ;;
    *) return 1 ;;
  esac
}

settings_known() {
  local actor
  for actor in "${ACTORS[@]}"; do
    "$BIN/tb-$actor" --list-keys || fail "$BIN/tb-$actor --list-keys failed" "Build again: rm -r $BUILD && ./tulip up"
  done | sed -n 's/^\([a-z][a-z0-9_]*\).*/TB_\U\1/p' | sort -u
}

# The known name nearest to a wrong one, if it is near enough to be meant.
settings_nearest() {
  awk -v wrong="$1" '
    function distance(a, b, i, j, cost, before, now) {
      for (j = 0; j <= length(b); j++) before[j] = j
      for (i = 1; i <= length(a); i++) {
        now[0] = i
        for (j = 1; j <= length(b); j++) {
          cost = before[j - 1] + (substr(a, i, 1) != substr(b, j, 1))
          if (before[j] + 1 < cost) cost = before[j] + 1
          if (now[j - 1] + 1 < cost) cost = now[j - 1] + 1
          now[j] = cost
        }
        for (j = 0; j <= length(b); j++) before[j] = now[j]
      }
      return before[length(b)]
    }
    { d = distance(wrong, $1); if (best == "" || d < best_distance) { best = $1; best_distance = d } }
    END { if (best != "" && best_distance <= length(wrong) / 3) print best }'
}

# Effect: refuses a TB_ variable that no actor knows; fills SETTINGS_GIVEN.
settings_check() {
  local name known nearest
  known=$(settings_known)
  for name in $(compgen -e); do
    [[ $name == TB_* ]] && ! settings_is_exempt "$name" || continue
    case $name in
      TB_INSTANCE | TB_RUN_DIR | TB_RESTARTS | TB_LOG_DIR | TB_FAULTS_DIR) fail "$name is the launcher's own to set" "Unset it." ;;
    esac
    if ! grep -qxF "$name" <<<"$known"; then
      nearest=$(settings_nearest "$name" <<<"$known")
      fail "$name is not a setting${nearest:+; did you mean $nearest?}" "build/release/bin/tb-ACTOR --help lists the settings of each actor."
    fi
    [[ ${!name} != *$'\n'* ]] || fail "$name has a line break in it"
    SETTINGS_GIVEN+=("$name")
  done
  settings_check_values
}

# Effect: has every actor look at the values it would get, so that a bad one is refused here and not in a crash loop.
settings_check_values() {
  local actor why
  for actor in "${ACTORS[@]}"; do
    why=$("$BIN/tb-$actor" --print-config 2>&1 >/dev/null) || fail "a setting is wrong: ${why:-tb-$actor does not say why}"
  done
}

# Effect: stages DATA/settings: exactly what was given now.
settings_write() {
  local name region
  region=$(settings_get TB_REGION "${TB_REGION:-nl-1}") # the data's own, from its first start on
  as_service find "$SETTINGS" -name 'TB_*' ! -name TB_REGION -delete
  for name in ${SETTINGS_GIVEN[@]+"${SETTINGS_GIVEN[@]}"}; do
    case $name in
      TB_PORT | TB_REGION | TB_AZ) continue ;; # TB_AZ: each service has its own
    esac
    stage "settings/$name" "${!name}"
  done
  stage settings/TB_PORT "$PORT"
  stage settings/TB_RUN_DIR "$RUN_DIR"
  stage settings/TB_LOG_DIR "$LOGS"
  stage settings/TB_REGION "$region"
  [[ -n ${TB_UPLOADS_DIR-} ]] || stage settings/TB_UPLOADS_DIR "$DATA/uploads"
  [[ -n ${TB_PORT_SHARED-} ]] || stage settings/TB_PORT_SHARED true # a second gateway, or the next version's, listens beside the first
  settings_note_build
  [[ -n ${TB_UI_DIR-} || ! -d $TULIP_HOME/ui/dist ]] || stage settings/TB_UI_DIR "$TULIP_HOME/ui/dist"
  [[ -z ${TB_FAULT-} ]] || stage settings/TB_FAULT "$TB_FAULT"
}

# Effect: notes what was built, for /api/config.
settings_note_build() {
  local commit
  commit=$(git -c safe.directory='*' -C "$TULIP_HOME" rev-parse --short HEAD 2>/dev/null) || commit=unknown
  [[ -n ${TB_BUILD_COMMIT-} ]] || stage settings/TB_BUILD_COMMIT "$commit"
  [[ -n ${TB_BUILD_TIME-} ]] || stage settings/TB_BUILD_TIME "$(date -u -r "$BIN/tb-gateway" +%Y-%m-%dT%H:%M:%S.%3NZ)"
}

# Whether TB_ENABLE_FAULTS is given to this "up"; its value was checked before.
faults_are_wanted() {
  case ${TB_ENABLE_FAULTS-} in
    1 | true | yes | on) return 0 ;;
    *) return 1 ;;
  esac
}

# settings_get NAME FALLBACK: a setting the instance was started with.
settings_get() {
  if [[ -r $SETTINGS/$1 ]]; then cat -- "$SETTINGS/$1"; else printf '%s\n' "$2"; fi
}

# Effect: says so when the running instance has other settings than those given now.
settings_compare() {
  local name
  for name in $(compgen -e); do
    [[ $name == TB_* ]] && ! settings_is_exempt "$name" || continue
    [[ ${!name} == "$(settings_get "$name" "")" ]] || warn "$name=${!name} is not in force: it takes ./tulip down and ./tulip up"
  done
}
