# shellcheck shell=bash
# console: top and tap, which are build/…/bin/tb-console (actors/console). Here: where the instance is. With --url the bus is out of reach; then
# top is fed from /metrics, /health/ready and /api/alarms, and tap from /api/events.

# What the program has to know of the instance in --data.
console_words() {
  local name expect=""
  CONSOLE_WORDS=(--run-dir "$RUN_DIR" --region "$(settings_get TB_REGION nl-1)" --topology "$(settings_get TB_TOPOLOGY "")")
  ! settings_get TB_BUS_PLAINTEXT false | grep -qx true || export TB_BUS_PLAINTEXT=true
  TB_CURVE_DIR=$(settings_get TB_CURVE_DIR "") && export TB_CURVE_DIR
  [[ ! -r $DATA/database_url ]] || CONSOLE_WORDS+=(--database-url "$(<"$DATA/database_url")")
  [[ ${1-} == top ]] || return 0
  for name in $(service_names); do
    [[ $name == postgres ]] || expect+="$(service_title "$name") "
  done
  CONSOLE_WORDS+=(--expect "$expect")
  [[ -n $(settings_get TB_TOPOLOGY "") ]] || CONSOLE_WORDS+=(--local)
}

console_is_built() {
  [[ -x $BIN/tb-console ]] || fail "$BIN/tb-console is not built" "./tulip up builds it."
}

# Effect: becomes tb-console. What is wrong with the words is said by the program, before anything has to run.
console_run() {
  local command=$1
  shift
  console_is_built
  "$BIN/tb-console" --run-dir / --database-url postgresql:// --region "$(settings_get TB_REGION nl-1)" --check "$command" "$@" || exit
  instance_must_run_or_3
  console_words "$command"
  exec ${AS_SERVICE[@]+"${AS_SERVICE[@]}"} "$BIN/tb-console" "${CONSOLE_WORDS[@]}" "$command" "$@"
}

top_command() {
  if [[ -z $OPT_URL ]]; then console_run top "$@"; fi
  console_is_built
  "$BIN/tb-console" --run-dir / --check top "$@" || exit
  api_open
  api_call GET /health/live
  [[ $API_CODE == 200 ]] || api_failed "top"
  local region
  region=$(api_region)
  # The program is in front, so that it has the terminal and its end ends the script that feeds it.
  exec "$BIN/tb-console" --feed 5 --region "${region:-unknown}" top "$@" 5< <(top_feed)
}

api_region() {
  curl -q -s -m 5 --noproxy '*' -o /dev/null -D - "$API_URL/health/live" | tr -d '\r' | sed -n 's/^[Xx]-[Tt][Bb]-[Rr]egion: //p'
}

# Frames for tb-console (actors/console/board_feed.h), one a second, until nobody reads them.
top_feed() {
  local path
  trap '' PIPE
  while :; do
    for path in /health/ready /metrics /api/alarms /api/status; do
      api_call GET "$path"
      case $path in
        /metrics) grep '^tb_' <<<"$API_BODY" ;;
        /health/ready) jq -r '.actors[]? | ["A", .name, .instance, .region, .az // "", .state, .pid // 0, .restarts // 0, .lag // 0] | @tsv' <<<"$API_BODY" ;;
        /api/alarms) jq -r '.items[]? | ["L", .id, .severity, (.since | sub("\\.[0-9]+"; "") | fromdateiso8601), .message, .value] | @tsv' <<<"$API_BODY" ;;
        /api/status) jq -r '.regions[]? | ["P", "orders", .lastSeq // 0] | @tsv' <<<"$API_BODY" ;;
      esac 2>/dev/null
    done
    printf '.\n' 2>/dev/null || return 0
    sleep 1
  done
}

tap_command() {
  if [[ -z $OPT_URL ]]; then console_run tap "$@"; fi
  console_is_built
  "$BIN/tb-console" --run-dir / --database-url postgresql:// --check tap "$@" || exit
  tap_options "$@"
  [[ $TAP_WHAT =~ ^(orders|executions|balances|ops)$ ]] || wrong_usage "with --url only the streams can be had: orders, executions, balances, ops"
  api_open
  tap_events
}

tap_options() {
  TAP_WHAT="" TAP_FILTER="" TAP_AFTER="" TAP_LIMIT=0 TAP_JSON=no
  while (($# > 0)); do
    case $1 in
      --*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" && continue ;;
      --user) TAP_FILTER+="&userId=$2" && shift ;;
      --order) TAP_FILTER+="&orderId=$2" && shift ;;
      --type) TAP_FILTER+="&type=$2" && shift ;;
      --from) TAP_AFTER=$(($2 - 1)) && shift ;;
      --limit) TAP_LIMIT=$2 && shift ;;
      --json) TAP_JSON=yes ;;
      *) TAP_WHAT=$1 ;;
    esac
    shift
  done
}

# Effect: prints events as they come. The long poll goes on where the last one ended, so there is no seam.
tap_events() {
  local printed=0 count lines
  if [[ -z $TAP_AFTER ]]; then
    api_call GET "/api/events?stream=$TAP_WHAT&afterSeq=9223372036854775806&limit=1"
    [[ $API_CODE == 200 ]] || api_failed "tap $TAP_WHAT"
    TAP_AFTER=$(jq -r .lastSeq <<<"$API_BODY")
  fi
  while :; do
    api_call GET "/api/events?stream=$TAP_WHAT&afterSeq=$TAP_AFTER&limit=1000&wait=20$TAP_FILTER"
    [[ $API_CODE == 200 ]] || api_failed "tap $TAP_WHAT"
    count=$(jq '.items | length' <<<"$API_BODY")
    TAP_AFTER=$(jq -r .nextAfterSeq <<<"$API_BODY")
    if ((TAP_LIMIT > 0 && printed + count > TAP_LIMIT)); then count=$((TAP_LIMIT - printed)); fi
    printed=$((printed + count))
    lines=$(jq -r -c --argjson count "$count" --arg json "$TAP_JSON" '.items[:$count][] | if $json == "yes" then . else
      "\(.ts[11:23]) \(.stream) #\(.seq) \(.type)  \(.orderId // "")  \(.userId // "") \(.payload | tojson)  trace \(.traceId // "-")" end' <<<"$API_BODY")
    [[ -z $lines ]] || printf '%s\n' "$lines" 2>/dev/null || exit 0
    ((TAP_LIMIT == 0 || printed < TAP_LIMIT)) || exit 0
  done
}
