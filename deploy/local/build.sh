# shellcheck shell=bash
# build: cmake and ninja, quietly. With TB_BUILD_DIR set (tests) the binaries there are taken as they are.

# build_run DIR TYPE [TARGET…]: configures and builds.
build_run() {
  local dir=$1 type=$2 log=$1/build.log
  shift 2
  mkdir -p "$dir" 2>/dev/null && : 2>/dev/null >"$log" || fail "$dir is not writable" "It was built by another user, perhaps with sudo: remove it, or run as that user."
  {
    cmake -S "$TULIP_HOME" -B "$dir" -G Ninja "-DCMAKE_BUILD_TYPE=$type" && cmake --build "$dir" ${1:+--target "$@"}
  } >"$log" 2>&1 && return
  # With several compilers at once the fault is not at the end: show the first ones, and the end.
  { grep -E -m 12 -A 3 'error:|error |undefined reference' "$log" || true; } >&2
  tail -n 6 "$log" >&2
  fail "the $type build failed; its whole log is $log" "Packages missing after an update of the system? Remove $dir and try again."
}

build_release() {
  local actor targets=()
  if [[ -n ${TB_BUILD_DIR-} ]]; then
    for actor in "${ACTORS[@]}"; do
      [[ -x $BIN/tb-$actor ]] || fail "TB_BUILD_DIR is set, and $BIN/tb-$actor is not there" "Build it, or unset TB_BUILD_DIR."
    done
    return
  fi
  for actor in "${ACTORS[@]}"; do targets+=("tb-$actor"); done
  [[ -x $BIN/tb-gateway ]] || say "building (a minute or two, only the first time)"
  build_run "$BUILD" Release "${targets[@]}" tulip-audit tb-console tb-keys
}
