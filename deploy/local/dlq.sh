# shellcheck shell=bash
# dlq: the dead-letter queue: adjustments that failed too often and wait for someone to decide. Through the HTTP API, so that the admin token
# and the audit trail hold. Exit: 0 all done, 1 something was not, 2 wrong usage, 3 not running.

dlq_command() {
  local verb=${1-}
  DLQ_JSON=no DLQ_ALL=no DLQ_REASON="" DLQ_IDS=()
  (($# == 0)) || shift
  while (($# > 0)); do
    case $1 in
      --reason=*) DLQ_REASON=${1#*=} ;;
      --reason) (($# >= 2)) || wrong_usage "--reason needs a text" && DLQ_REASON=$2 && shift ;;
      --json) DLQ_JSON=yes ;;
      --all) DLQ_ALL=yes ;;
      -*) wrong_usage "dlq does not take $1" ;;
      *) [[ $1 =~ ^[A-Za-z0-9._-]{1,64}$ ]] || wrong_usage "\"$1\" is no dead letter's id (./tulip dlq list shows them)" && DLQ_IDS+=("$1") ;;
    esac
    shift
  done
  [[ $DLQ_ALL == no || ($verb == redrive && ${#DLQ_IDS[@]} == 0) ]] || wrong_usage "--all goes with redrive alone, and without ids"
  [[ -z $DLQ_REASON || $verb == redrive || $verb == discard ]] || wrong_usage "--reason goes with redrive and discard"
  [[ ${#DLQ_REASON} -le 200 && ! $DLQ_REASON =~ [^\ -~] ]] || wrong_usage "--reason is at most 200 printable ASCII characters"
  case $verb in
    list) ((${#DLQ_IDS[@]} == 0)) || wrong_usage "dlq list takes no id" ;;
    show) ((${#DLQ_IDS[@]} == 1)) || wrong_usage "dlq show takes one id" ;;
    redrive) ((${#DLQ_IDS[@]} > 0)) || [[ $DLQ_ALL == yes ]] || wrong_usage "dlq redrive which? ids, or --all" ;;
    discard)
      ((${#DLQ_IDS[@]} == 1)) || wrong_usage "dlq discard takes one id"
      [[ -n $DLQ_REASON ]] || wrong_usage "dlq discard gives money up: say why with --reason TEXT, it is kept in the audit trail"
      ;;
    "") wrong_usage "dlq list, show, redrive or discard?" ;;
    *) wrong_usage "dlq has no command $verb (list, show, redrive, discard)" ;;
  esac
  api_open
  "dlq_$verb"
}

# Effect: DLQ_ITEMS becomes a JSON array of all dead letters.
dlq_read() {
  local cursor="" items=()
  while :; do
    api_call GET "/api/dlq?limit=200${cursor:+&cursor=$cursor}"
    [[ $API_CODE == 200 ]] || api_failed "the dead-letter queue cannot be read"
    items+=("$(jq -c .items <<<"$API_BODY")")
    cursor=$(jq -r '.nextCursor // empty | @uri' <<<"$API_BODY")
    [[ -n $cursor ]] || break
  done
  DLQ_ITEMS=$(printf '%s\n' "${items[@]}" | jq -cs 'add')
}

dlq_list() {
  dlq_read
  if [[ $DLQ_JSON == yes ]]; then
    jq '{items: ., depth: length}' <<<"$DLQ_ITEMS"
  elif [[ $DLQ_ITEMS == "[]" ]]; then
    say "the dead-letter queue is empty"
  else
    printf '%-14s %-14s %-16s %12s %8s %-20s %s\n' ID ORDER USER AMOUNT FAILED "FIRST FAILED" "LAST ERROR"
    jq -r '.[] | [.dlqId, .orderId, .userId, .payload.delta // "-", .attempts, .firstFailedAt[0:19], .lastError] | @tsv' <<<"$DLQ_ITEMS" |
      while IFS=$'\t' read -r id order user amount attempts first error; do
        printf '%-14s %-14s %-16s %12s %7sx %-20s %s\n' "$id" "$order" "$user" "$amount" "$attempts" "$first" "$error"
      done
    say "$(jq length <<<"$DLQ_ITEMS") waiting. Repair what made them fail, then: ./tulip dlq redrive ID… | --all"
  fi
}

dlq_show() {
  local item
  dlq_read
  item=$(jq --arg id "${DLQ_IDS[0]}" '.[] | select(.dlqId == $id)' <<<"$DLQ_ITEMS")
  [[ -n $item ]] || dlq_unknown "${DLQ_IDS[0]}"
  if [[ $DLQ_JSON == yes ]]; then
    printf '%s\n' "$item"
  else
    jq -r '"dead letter   \(.dlqId)  (\(.type))", "order         \(.orderId) of \(.userId)", "failed        \(.attempts) times, first \(.firstFailedAt)",
      "last error    \(.lastError)", (.payload | to_entries[] | "  \(.key): \(.value)")' <<<"$item"
    say "where it was: ./tulip trace $(jq -r .orderId <<<"$item")"
  fi
}

dlq_unknown() {
  fail "there is no dead letter $1 waiting" "./tulip dlq list shows those there are. It may have been redriven or discarded already."
}

# dlq_end METHOD PATH ID: redrives or discards one. Return: whether it was done; API_CODE says more.
dlq_end() {
  local headers=()
  [[ -z $DLQ_REASON ]] || headers=("X-TB-Reason: $DLQ_REASON")
  api_call "$1" "$2" ${headers[@]+"${headers[@]}"}
  case $API_CODE in
    202 | 204) return 0 ;;
    000 | 401) api_failed "$3" ;;
    *) return 1 ;;
  esac
}

dlq_redrive() {
  local id failed=0 ids=(${DLQ_IDS[@]+"${DLQ_IDS[@]}"}) results=()
  if [[ $DLQ_ALL == yes ]]; then
    dlq_read
    mapfile -t ids < <(jq -r '.[].dlqId' <<<"$DLQ_ITEMS")
  fi
  for id in ${ids[@]+"${ids[@]}"}; do
    if dlq_end POST "/api/dlq/$id/redrive" "$id"; then
      results+=("$(jq -cn --arg id "$id" '{dlqId: $id, status: "REDRIVEN"}')")
      [[ $DLQ_JSON == yes ]] || say "$id: redriven"
    else
      failed=$((failed + 1))
      results+=("$(jq -cn --arg id "$id" --arg why "$(api_detail)" '{dlqId: $id, status: "FAILED", detail: $why}')")
      [[ $DLQ_JSON == yes ]] || warn "$id: $(api_detail)"
    fi
  done
  if [[ $DLQ_JSON == yes ]]; then
    printf '%s\n' ${results[@]+"${results[@]}"} | jq -s '{items: ., failed: (map(select(.status == "FAILED")) | length)}'
  else
    say "$((${#ids[@]} - failed)) redriven, $failed not"
  fi
  ((failed == 0))
}

dlq_discard() {
  local id=${DLQ_IDS[0]}
  if ! dlq_end DELETE "/api/dlq/$id" "$id"; then
    [[ $API_CODE != 404 ]] || dlq_unknown "$id"
    api_failed "$id"
  fi
  if [[ $DLQ_JSON == yes ]]; then jq -n --arg id "$id" '{dlqId: $id, status: "DISCARDED"}'; else say "$id: discarded"; fi
}
