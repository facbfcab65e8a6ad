# shellcheck shell=bash
# trace: one order on its way through the actors, as a waterfall, from GET /api/traces (docs/decisions/0012-traces-from-rows.md).

trace_command() {
  local what="" json=no word trace width=34
  for word in "$@"; do
    case $word in
      --json) json=yes ;;
      -*) wrong_usage "trace does not take $word" ;;
      *) [[ -z $what ]] || wrong_usage "trace takes one order or trace" && what=$word ;;
    esac
  done
  [[ -n $what ]] || wrong_usage "trace which order? An order's id like nl-1.1842, or a trace's of 32 hex digits"
  [[ $what =~ ^[A-Za-z0-9._-]{1,64}$ ]] || wrong_usage "\"$what\" is neither an order's id like nl-1.1842 nor a trace's of 32 hex digits"
  api_open
  trace=$what
  if [[ ! $what =~ ^[0-9a-f]{32}$ ]]; then
    [[ ! $what =~ ^[0-9]+$ ]] || what=$(api_region).$what
    api_call GET "/api/orders/$what"
    [[ $API_CODE != 404 ]] || fail "there is no order $what"
    [[ $API_CODE == 200 ]] || api_failed "order $what"
    trace=$(jq -r '.traceId // empty' <<<"$API_BODY")
    [[ -n $trace ]] || fail "order $what has no trace"
  fi
  api_call GET "/api/traces/$trace"
  [[ $API_CODE != 404 ]] || fail "there is no trace $trace"
  [[ $API_CODE == 200 ]] || api_failed "trace $trace"
  if [[ $json == yes ]]; then
    jq . <<<"$API_BODY"
  else
    trace_waterfall "$width" <<<"$API_BODY"
  fi
}

# A line per span: who, what, when after the first one's start, how long, and a bar of WIDTH characters at most. A span that has not ended has
# dots to the right edge.
trace_waterfall() {
  jq -r --argjson width "$1" '
    def us: (.[0:19] + "Z" | fromdateiso8601) * 1000 + ((.[20:23] // "0") | tonumber);
    def times($n): . as $c | [range($n)] | map($c) | join(""); # "x" * 0 is null in jq 1.6
    def pad($n): . + (($n - length) as $short | " " | times($short));
    def right($n): (($n - length) as $short | " " | times($short)) + .;
    def name: "\(.actor) \(.name | sub("BalanceAdjustmentFailed [0-9]+"; "failed") | sub("DeadLettered [0-9]+"; "dead letter") | sub("DeadLetterRedriven [0-9]+"; "redriven") | sub("DeadLetterDiscarded [0-9]+"; "discarded"))";
    def ms: (. * 10 | round / 10 | tostring | if test("\\.") then . else . + ".0" end);
    def words: to_entries | map(select(.value != null)) | map("\(.key)=\(.value)") | join(" ");
    (.spans | map(.startedAt | us) | min) as $begin
    | ([.spans[] | (.startedAt | us) - $begin + (.durationMs // 0)] | max | [., 1] | max) as $all
    | "trace \(.traceId)   \(.orderIds | length) order(s): \(.orderIds | join(" "))",
      "\("SPAN" | pad(24)) \("AT ms" | right(9)) \("TOOK ms" | right(9))",
      (.spans[]
        | ((.startedAt | us) - $begin) as $at
        | ($at / $all * $width | floor | [., $width - 1] | min) as $left
        | (if .durationMs == null then $width - $left else ([.durationMs / $all * $width | ceil, 1] | max | [., $width - $left] | min) end) as $long
        | "\(name | .[0:24] | pad(24)) \($at | ms | right(9)) \((if .durationMs == null then "open" else .durationMs | ms end) | right(9))  |\(" " | times($left))\(if .durationMs == null then "." elif .durationMs == 0 then "*" else "=" end | times($long))\(" " | times($width - $left - $long))|",
          (.attributes | words | select(. != "") | "    " + .))'
}
