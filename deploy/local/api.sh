# shellcheck shell=bash
# api: speaks to the gateway over HTTP, for the commands that go through it: of the instance in --data, or of any other one with --url (a
# cluster in containers, another machine). TB_ADMIN_TOKEN is sent along; without it, the one the instance in --data was started with.
# TLS: curl's own settings hold (CURL_CA_BUNDLE, ~/.curlrc is not read).

EXIT_NOT_RUNNING=3
API_CODE=000 API_BODY=""

# api_open: where to ask. Ends with 3 when there is nobody to ask.
api_open() {
  if [[ -n $OPT_URL ]]; then
    [[ $OPT_URL =~ ^https?://[^/[:space:]]+/*$ ]] || wrong_usage "--url is an address like http://127.0.0.1:8080, not \"$OPT_URL\""
    API_URL=${OPT_URL%/}
    return
  fi
  instance_must_run_or_3
  API_URL=$(http_url)
  [[ -n ${TB_ADMIN_TOKEN-} ]] || TB_ADMIN_TOKEN=$(as_service sh -c 'cat "$1" 2>/dev/null || true' read "$SETTINGS/TB_ADMIN_TOKEN")
}

# Effect: says that nothing runs and ends with 3, as ./tulip status does.
instance_must_run_or_3() {
  if [[ ! -e $DATA/layout ]] || ! command -v s6-svscanctl >/dev/null; then
    warn "not running (no data in $DATA)"
    exit $EXIT_NOT_RUNNING
  fi
  service_user_prepare
  if supervisor_is_down; then
    warn "not running (data in $DATA)"
    exit $EXIT_NOT_RUNNING
  fi
}

# api_call METHOD PATH [HEADER…]: fills API_CODE (000: no answer) and API_BODY. The token is not to be seen in the list of processes.
api_call() {
  local method=$1 path=$2 answer
  local words=(-q -s -m 30 --noproxy '*' -X "$method" -w '\n%{http_code}' -K -)
  shift 2
  for header in "$@"; do words+=(-H "$header"); done
  [[ $method != POST ]] || words+=(-H 'Content-Type: application/json' -d '{}')
  answer=$(curl "${words[@]}" "$API_URL$path" <<<"${TB_ADMIN_TOKEN:+header = \"Authorization: Bearer ${TB_ADMIN_TOKEN//\"/\\\"}\"}") || true
  API_CODE=${answer##*$'\n'}
  API_BODY=${answer%$'\n'*}
  [[ $API_CODE =~ ^[0-9]{3}$ ]] || API_CODE=000
}

# What a problem answer says, in one line.
api_detail() {
  local detail
  detail=$(jq -r '[.errors[]? | "\(.field) \(.message)"] as $fields | if $fields == [] then .detail // .title // empty else $fields | join("; ") end' <<<"$API_BODY" 2>/dev/null) || true
  printf '%s\n' "${detail:-it answered $API_CODE without a word}"
}

# api_failed WHAT: says why the last call did not do what was asked, and ends.
api_failed() {
  case $API_CODE in
    000) fail "$API_URL does not answer" "Is it running? ./tulip status   With --url: is the address right?" ;;
    401) fail "$1: the gateway wants the admin token, and it was $([[ -n ${TB_ADMIN_TOKEN-} ]] && echo 'another one' || echo 'not given')" \
      "Set TB_ADMIN_TOKEN to the one the gateway was started with." ;;
    503) fail "$1: $(api_detail)" "It is safe to try again." ;;
    *) fail "$1: $(api_detail)" ;;
  esac
}
