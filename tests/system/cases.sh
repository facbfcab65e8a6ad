# shellcheck shell=bash
# cases.sh NAME: what tests written in shell share: a place of their own in /tmp, whose instances are stopped at the end; a ./tulip whose words
# and code are kept; expectations that are counted, and the last line that Check would write. To be sourced, from the project's directory.

CHECKS=0 FAILURES=0 OUTPUT="" CODE=0
PLACE=$(mktemp -d "/tmp/tulip-$1-XXXXXX")
chmod 0755 "$PLACE"
: "${TB_BUILD_DIR:=$PWD/build/release}"
export TB_BUILD_DIR

cases_clean_up() {
  local data
  for data in "$PLACE"/* "$PLACE"/*/* "$PLACE"/*/*/*; do
    [[ ! -e $data/layout || ! -d $data/service ]] || ./tulip down --data "$data" >/dev/null 2>&1
  done
  for data in "$PLACE"/*; do
    ! mountpoint -q "$data" || umount "$data"
  done
  rm -rf "$PLACE"
}
trap cases_clean_up EXIT
trap 'exit 130' INT TERM

cases_end() {
  printf '%d%%: Checks: %d, Failures: %d, Errors: 0\n' $((100 * (CHECKS - FAILURES) / CHECKS)) "$CHECKS" "$FAILURES"
  exit $((FAILURES > 0))
}

tulip() {
  OUTPUT=$(timeout 150 ./tulip "$@" 2>&1 </dev/null) && CODE=0 || CODE=$?
}

# expect WHAT CODE [TEXT]: of the last tulip: its exit code, and TEXT in what it said.
expect() {
  CHECKS=$((CHECKS + 1))
  if [[ $CODE == "$2" && ($# -lt 3 || $OUTPUT == *"$3"*) ]]; then
    printf 'ok: %s\n' "$1"
  else
    FAILURES=$((FAILURES + 1))
    printf 'FAILED: %s: code %s, expected %s%s; it said:\n%s\n' "$1" "$CODE" "$2" "${3:+ and \"$3\"}" "$OUTPUT"
  fi
}

# expect_that WHAT COMMAND…
expect_that() {
  local what=$1
  shift
  CHECKS=$((CHECKS + 1))
  if "$@"; then printf 'ok: %s\n' "$what"; else FAILURES=$((FAILURES + 1)) && printf 'FAILED: %s\n' "$what"; fi
}

free_port() {
  local port
  for port in $(shuf -i 20000-29999 -n 50); do
    (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { printf '%s\n' "$port" && return; }
  done
}

is_ready() {
  [[ $(curl -s -m 2 -o /dev/null -w '%{http_code}' "http://127.0.0.1:$1/health/ready") == 200 ]]
}

soon() { # soon DECISECONDS COMMAND…
  local tries=$1
  shift
  until "$@"; do
    ((tries-- > 0)) || return 1
    sleep 0.1
  done
}
