# shellcheck shell=bash
# test: everything CI runs. lint, then a Debug build (sanitizers) for the quick labels and a Release build for those that go by the clock, the
# page, and the containers; a line per label, the logs of failures, and at last "N passed, M failed", counting Check cases (a ctest test without
# cases counts as one), with ", K skipped" where there can be no containers.

TEST_DEBUG_LABELS=(unit fuzz actor sim)
TEST_RELEASE_LABELS=(system fault)
TESTS_PASSED=0 TESTS_FAILED=0 TESTS_SKIPPED=0

# test_command [LABEL…]
test_command() {
  local label labels=("$@") known=(lint "${TEST_DEBUG_LABELS[@]}" "${TEST_RELEASE_LABELS[@]}" ui compose)
  for label in ${labels[@]+"${labels[@]}"}; do
    [[ " ${known[*]} " == *" $label "* ]] || wrong_usage "there is no test label $label (there are: ${known[*]})"
  done
  ((${#labels[@]} > 0)) || labels=("${known[@]}")
  unset TB_BUILD_DIR
  install_missing "${PACKAGES_UP[@]}" "${PACKAGES_TEST[@]}"
  ! test_has "${TEST_RELEASE_LABELS[@]}" || promtool_fetch
  test_has lint && test_lint
  test_has "${TEST_DEBUG_LABELS[@]}" && test_build Debug "$TULIP_HOME/build/debug" "${TEST_DEBUG_LABELS[@]}"
  test_has "${TEST_RELEASE_LABELS[@]}" && test_build Release "$TULIP_HOME/build/release" "${TEST_RELEASE_LABELS[@]}"
  test_has ui && test_ui
  ! test_has compose || test_compose
  say "$TESTS_PASSED passed, $TESTS_FAILED failed$( ((TESTS_SKIPPED == 0)) || printf ', %d skipped' "$TESTS_SKIPPED")"
  ((TESTS_FAILED == 0 && TESTS_PASSED > 0))
}

# Whether any of these labels is wanted.
test_has() {
  local label
  for label in "$@"; do
    [[ " ${labels[*]} " != *" $label "* ]] || return 0
  done
  return 1
}

# test_count LABEL PASSED FAILED SECONDS
test_count() {
  TESTS_PASSED=$((TESTS_PASSED + $2)) TESTS_FAILED=$((TESTS_FAILED + $3))
  printf '%-8s %5d passed %4d failed %5d s\n' "$@"
}

test_lint() {
  local begin=$SECONDS counts
  mkdir -p "$TULIP_HOME/build"
  "$TULIP_HOME/tests/lint/run" >"$TULIP_HOME/build/lint.log" 2>&1 || grep -v '^ok' "$TULIP_HOME/build/lint.log" || true
  counts=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$TULIP_HOME/build/lint.log" | tail -n 1)
  # shellcheck disable=SC2086 # two words on purpose
  test_count lint ${counts:-0 1} $((SECONDS - begin))
}

# docker-compose.yml on a real engine. A machine that cannot run containers has not passed: it is said, and counted as skipped.
test_compose() {
  local begin=$SECONDS log=$TULIP_HOME/build/compose.log counts state=0
  mkdir -p "$TULIP_HOME/build"
  "$TULIP_HOME/tests/compose/run" >"$log" 2>&1 || state=$?
  if ((state == 77)); then
    warn "THE CONTAINERS WERE NOT TESTED: this machine cannot run them"
    printf '%-8s %s\n' compose "$(tail -n 1 "$log")"
    TESTS_SKIPPED=$((TESTS_SKIPPED + 1))
    return 0
  fi
  ((state == 0)) || grep -v ' ok ' "$log" | tail -n 60 | cut -c 1-300
  counts=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$log" | tail -n 1)
  # shellcheck disable=SC2086 # two words on purpose
  test_count compose ${counts:-0 1} $((SECONDS - begin))
}

# test_build TYPE DIR LABEL…: builds, and runs those of the labels that are wanted.
test_build() {
  local type=$1 dir=$2 label
  shift 2
  if ! (build_run "$dir" "$type"); then
    TESTS_FAILED=$((TESTS_FAILED + 1))
    return 0
  fi
  if [[ $type == Debug ]] && test_has lint; then test_tidy "$dir"; fi
  for label in "$@"; do
    ! test_has "$label" || test_label "$dir" "$label"
  done
}

test_tidy() {
  local begin=$SECONDS
  if "$TULIP_HOME/tests/lint/tidy" "$1" >"$1/tidy.log" 2>&1; then
    test_count tidy 1 0 $((SECONDS - begin))
  else
    grep -E 'warning:|error:' "$1/tidy.log" | sort -u | head -n 20
    test_count tidy 0 1 $((SECONDS - begin))
  fi
}

# test_label DIR LABEL: as many tests side by side as there are processors, but for those that measure time, which are alone (RUN_SERIAL).
test_label() {
  local dir=$1 label=$2 log=$1/test-$2.log begin=$SECONDS passed failed
  (cd "$dir" && ctest -V --no-tests=error -L "^$label\$" -j "$(nproc)") >"$log" 2>&1 || true
  test_clean_up "$dir"
  while read -r skipped; do
    warn "NOT TESTED: $skipped"
  done < <(sed -n 's/^[0-9]*: SKIPPED: //p' "$log")
  read -r passed failed <<<"$(test_tally "$log")"
  if ((passed + failed == 0)); then
    warn "label $label ran no test: $log"
    failed=1
  fi
  ((failed == 0)) || test_show_failures "$log"
  test_count "$label" "$passed" "$failed" $((SECONDS - begin))
}

# Effect: stops systems that a test of this build left running because it was stopped itself (a timeout).
test_clean_up() {
  local data
  for data in /tmp/tulip-test-*/; do
    grep -qsF -- "$1/bin" "$data/service/gateway-1/run" || continue
    warn "a test was stopped and left $data behind"
    "$TULIP_HOME/tulip" down --data "$data" >/dev/null && rm -rf "$data"
  done
}

# Passed and failed of a ctest -V log. Lines of test N begin with "N: "; Check prints "P%: Checks: 12, Failures: 1, Errors: 0"; the end of test
# N is said by "3/7 Test #N: name ...   Passed". A test that died in the middle has failed whatever its cases said.
test_tally() {
  awk '
    match($0, /^[0-9]+: [0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+/) {
      split($0, part, /[:,] */); id = part[1]; cases[id] += part[4]; bad[id] += part[6] + part[8]
    }
    match($0, /^ *[0-9]+\/[0-9]+ Test +#[0-9]+: /) {
      line = $0; sub(/^[^#]*#/, "", line); id = line; sub(/:.*/, "", id)
      if (line ~ /\*\*\*Skipped/) next # said by test_label, counted nowhere
      ok = line ~ / Passed +[0-9.]+ sec/
      if (ok) passed += cases[id] > 0 ? cases[id] : 1
      else { f = bad[id] > 0 ? bad[id] : 1; failed += f; if (cases[id] > bad[id]) passed += cases[id] - f > 0 ? cases[id] - f : 0 }
    }
    END { print passed + 0, failed + 0 }' "$1"
}

test_show_failures() {
  local id
  sed -n 's/^ *[0-9]*\/[0-9]* Test *#\([0-9]*\): .*\*\*\*.*/\1/p' "$1" | while read -r id; do
    grep -E "^ *[0-9]+/[0-9]+ Test +#$id:" "$1"
    grep -E "^$id: " "$1" | grep -vE ':[PS]:|:P:' | tail -n 25 | cut -c 1-300
  done
  say "the whole log: $1"
}

# The page: types, format and Vitest, and beside them Chromium against real actors: one system whose screens are looked at, one that is used, stopped and
# killed; then their audits. What measures how quick the page is has the machine to itself, at the end. Steps run side by side, so they count by lines in a file, and one that left no line has failed.
UI_TEST_STEPS=(types format size vitest look use load audit-look audit-use)
# Effect: builds the page as "up" does, but for no instance.
test_ui_build() {
  service_user_choose
  DATA=$TULIP_HOME BIN=$TULIP_HOME/build/release/bin
  ui_build
}

test_ui() {
  local begin=$SECONDS passed failed step
  UI_TEST_PLACE=$(mktemp -d /tmp/tulip-test-ui-XXXXXX)
  if (ui_packages test) && (install_missing "${PACKAGES_TEST_UI[@]}") && (test_ui_build); then
    ui_use_node
    trap 'test_ui_down' EXIT
    test_ui_static &
    ! test_ui_up look || { test_ui_lane look & }
    ! test_ui_up use || { test_ui_lane use & }
    wait
    test_ui_lane load look
    test_ui_step audit-look "$TULIP_HOME/tulip" audit --data "$UI_TEST_PLACE/look"
    test_ui_step audit-use "$TULIP_HOME/tulip" audit --data "$UI_TEST_PLACE/use"
    test_ui_down
    trap - EXIT
  fi
  touch "$UI_TEST_PLACE/counts"
  for step in "${UI_TEST_STEPS[@]}"; do
    grep -q "^$step " "$UI_TEST_PLACE/counts" || {
      printf 'ui: %s did not run\n' "$step"
      test_ui_count "$step" 0 1
    }
  done
  read -r passed failed < <(awk '{ passed += $2; failed += $3 } END { print passed + 0, failed + 0 }' "$UI_TEST_PLACE/counts")
  rm -rf "$UI_TEST_PLACE"
  test_count ui "$passed" "$failed" $((SECONDS - begin))
}

# test_ui_count STEP PASSED FAILED
test_ui_count() {
  printf '%s %d %d\n' "$1" "$2" "$3" >>"$UI_TEST_PLACE/counts"
}

# test_ui_step NAME COMMAND…: one test that is a command's exit status.
test_ui_step() {
  local log=$TULIP_HOME/build/ui-$1.log
  if (cd "$UI" && "${@:2}" </dev/null) >"$log" 2>&1; then
    test_ui_count "$1" 1 0
  else
    test_ui_count "$1" 0 1
    printf 'ui: %s failed: %s\n' "$1" "$log"
    tail -n 25 "$log"
  fi
}

# What takes no actors.
test_ui_static() {
  test_ui_step types npx --no-install tsc --noEmit
  test_ui_step format npx --no-install prettier --check --log-level warn src e2e scripts vite.config.ts
  test_ui_step size node scripts/size.mjs
  test_ui_vitest
}

test_ui_vitest() {
  local log=$TULIP_HOME/build/ui-vitest.log result=$TULIP_HOME/build/ui-vitest.json passed failed
  rm -f "$result"
  (cd "$UI" && NO_COLOR=1 npx --no-install vitest run --retry=0 --reporter=json --outputFile="$result" --reporter=dot </dev/null) >"$log" 2>&1 || true
  read -r passed failed < <(jq -r '[.numPassedTests, ([.numFailedTests + .numPendingTests, .numFailedTestSuites] | max)] | @tsv' "$result" 2>/dev/null) || passed=0 failed=1
  ((passed + failed > 0)) || failed=1
  test_ui_count vitest "$passed" "$failed"
  ((failed == 0)) || {
    jq -r '.testResults[] | select(.status == "failed") | (select(.assertionResults == []) | "FAIL \(.name): \(.message)"),
      (.assertionResults[] | select(.status != "passed") | "FAIL \(.fullName)\n\(.failureMessages | join("\n") | split("\n")[:6] | join("\n"))")' "$result" 2>/dev/null || tail -n 25 "$log"
    say "the whole log: $log"
  }
}

# test_ui_up NAME. Effect: starts a system as a user does; its port is in NAME.port.
test_ui_up() {
  local name=$1 log=$TULIP_HOME/build/ui-up-$1.log port=18080
  [[ $name == look ]] || port=18180
  while port_is_taken "$port"; do port=$((port + 1)); done
  if ! "$TULIP_HOME/tulip" up --detach --data "$UI_TEST_PLACE/$name" --port "$port" >"$log" 2>&1; then
    tail -n 25 "$log"
    return 1
  fi
  printf '%s\n' "$port" >"$UI_TEST_PLACE/$name.port"
}

# test_ui_lane LANE [SYSTEM]. Effect: has Chromium use the system, with the tests of one lane (e2e/run.mjs). Pictures of every screen go to
# build/screenshots, or TB_TEST_SCREENSHOTS.
test_ui_lane() {
  local lane=$1 system=${2:-$1} log=$TULIP_HOME/build/ui-e2e-$1.log port passed="" failed=""
  port=$(cat "$UI_TEST_PLACE/$system.port" 2>/dev/null) || return 0 # it did not start: that counts as a step that did not run
  (cd "$UI" && TB_URL=http://127.0.0.1:$port TB_TEST_SCREENSHOTS=${TB_TEST_SCREENSHOTS:-$TULIP_HOME/build/screenshots} node e2e/run.mjs --lane "$lane" </dev/null) >"$log" 2>&1 || true
  read -r passed failed < <(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$log" | tail -n 1) || true
  [[ -n $failed ]] || passed=0 failed=1
  test_ui_count "$lane" "$passed" "$failed"
  ((failed == 0)) || {
    grep -A 13 '^FAIL' "$log" | cut -c 1-300 || tail -n 25 "$log"
    say "the whole log: $log"
  }
}

test_ui_down() {
  local system
  for system in look use; do
    [[ ! -e $UI_TEST_PLACE/$system ]] || "$TULIP_HOME/tulip" down --data "$UI_TEST_PLACE/$system" >/dev/null || true
  done
}
