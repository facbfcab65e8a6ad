# shellcheck shell=bash
# keys: CURVE keys of this instance's roles, in DATA/keys (docs/SECURITY.md). "up" makes them when links go over TCP and nothing else was said.

# Whether the instance needs keys of its own making: a topology, and neither keys from elsewhere nor leave to do without.
keys_are_ours() {
  [[ -n ${TB_TOPOLOGY-} && -z ${TB_CURVE_DIR-} ]] && ! [[ ${TB_BUS_PLAINTEXT-} =~ ^(true|1|yes|on)$ ]]
}

keys_run() {
  [[ -x $BIN/tb-keys ]] || fail "$BIN/tb-keys is not built" "./tulip up builds it."
  as_service "$BIN/tb-keys" "$@"
}

# Effect: makes what is missing of them, and stages the setting that says where they are.
keys_prepare() {
  keys_are_ours || return 0
  keys_run "$DATA/keys" >/dev/null || fail "the keys in $DATA/keys could not be made"
  stage settings/TB_CURVE_DIR "$DATA/keys"
}

keys_command() {
  local dir
  [[ -e $DATA/layout ]] || fail "there is no instance in $DATA" "./tulip up makes it; or use build/release/bin/tb-keys DIR by itself."
  service_user_prepare
  dir=$(settings_get TB_CURVE_DIR "$DATA/keys")
  case ${1-} in
    "") keys_run "$dir" ;;
    list)
      if [[ -d $dir ]]; then keys_run --list "$dir"; else say "no keys: the links of this instance are local sockets and need none (docs/SECURITY.md)"; fi
      ;;
    rotate | retire)
      [[ -n ${2-} ]] || wrong_usage "keys $1 needs a role"
      keys_run "--$1" "$dir" "$2"
      ;;
    *) wrong_usage "keys does not know $1" ;;
  esac
}
