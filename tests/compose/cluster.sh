# shellcheck shell=bash
# cluster: the containers of one run of docker-compose.yml, orders through its door, and who leads. To be sourced by run.

compose() {
  "${COMPOSE[@]}" --env-file "$SCRATCH/env" -p "$PROJECT" "$@" </dev/null
}

# container SERVICE: its id.
container() {
  docker ps -aq --filter "label=com.docker.compose.project=$PROJECT" --filter "label=com.docker.compose.service=$1" --filter label=com.docker.compose.oneoff=False | head -n 1
}

is_healthy() {
  [[ $(docker inspect -f '{{.State.Running}} {{.State.Health.Status}}' "$(container "$1")" 2>/dev/null) == "true healthy" ]]
}

# are_healthy [SERVICE…]: these, or all.
are_healthy() {
  local name
  (($# > 0)) || set -- "${ALL[@]}"
  for name in "$@"; do is_healthy "$name" || return 1; done
}

ask() {
  curl -q -s --noproxy '*' --cacert "$SCRATCH/edge.crt" -m 8 "$@"
}

status_of() {
  ask -o /dev/null -w '%{http_code}' "$@"
}

is_ready() {
  [[ $(status_of "$URL/health/ready") == 200 ]]
}

# post KEY: one order; prints the answer's body, and on a line of its own its status (000: none).
post() {
  ask -w '\n%{http_code}\n' -H 'Content-Type: application/json' -H "Idempotency-Key: $1" \
    -d '{"userId":"clusius","side":"BUY","quantity":1,"price":"10.00"}' "$URL/api/orders"
}

id_of() {
  [[ $1 =~ \"orderId\":\"([^\"]+)\" ]] && printf '%s\n' "${BASH_REMATCH[1]}"
}

# load WORKER: posts orders, each again with its key until it is answered, until the file "stop" is there. Leaves "TIME KEY ORDER" of each that was
# taken in acknowledged-WORKER, "TIME KEY STATUS" of every other answer in refused-WORKER.
load() {
  local worker=$1 number=0 key answer
  while [[ ! -e $SCRATCH/stop ]]; do
    number=$((number + 1)) key=load-$worker-$number
    until answer=$(post "$key") && [[ ${answer##*$'\n'} == 20[01] ]]; do
      printf '%s %s %s\n' "$EPOCHREALTIME" "$key" "${answer##*$'\n'}" >>"$SCRATCH/refused-$worker"
      [[ ! -e $SCRATCH/stop ]] || return 0
      sleep 0.05
    done
    printf '%s %s %s\n' "$EPOCHREALTIME" "$key" "$(id_of "$answer")" >>"$SCRATCH/acknowledged-$worker"
    sleep 0.02
  done
}

# Two workers, whose numbers, and so whose keys, no load before has had.
load_start() {
  local _
  rm -f "$SCRATCH/stop"
  for _ in 1 2; do
    WORKERS=$((WORKERS + 1))
    : >>"$SCRATCH/refused-$WORKERS"
    load "$WORKERS" &
    LOADERS+=($!)
  done
}

load_stop() {
  touch "$SCRATCH/stop"
  wait "${LOADERS[@]}"
  LOADERS=()
}

acknowledged() {
  cat "$SCRATCH"/acknowledged-* 2>/dev/null | wc -l
}

# Whether orders are answered (again): some more than there were.
orders_flow() {
  wait_for 60 are_acknowledged $(($(acknowledged) + 6))
}

are_acknowledged() {
  (($(acknowledged) >= $1))
}

# Of an actor's instances, "sequencer-1" for instance, those in a state (READY: leads; a gateway: works).
in_state() {
  ask "$URL/health/ready" | jq -r --arg actor "$1" --arg state "$2" '.actors[]? | select(.name == $actor and .state == $state) | .name + "-" + .instance' 2>/dev/null
}

has_leader() {
  [[ -n $(in_state "$1" READY) ]]
}

has_other_leader() {
  [[ $(in_state "$1" READY) == "$1-"* && $(in_state "$1" READY) != "$2" ]]
}

has_a_standby() {
  [[ $(in_state "$1" READY | wc -l) == 1 && $(in_state "$1" STANDBY | wc -l) == 1 ]]
}

pairs_are_whole() {
  local actor
  for actor in "${LED[@]}"; do has_a_standby "$actor" || return 1; done
  [[ $(in_state gateway READY | wc -l) == 2 ]]
}

restarted() {
  (($(docker inspect -f '{{.RestartCount}}' "$1") > $2))
}

# logs_say SERVICE… TEXT: whether one of them logged it.
logs_say() {
  local name text=${*: -1}
  for name in "${@:1:$#-1}"; do
    docker logs "$(container "$name")" 2>&1 | grep -qF -- "$text" && return 0
  done
  return 1
}

# fault ARGUMENT…: ./tulip fault --compose, of this project.
fault() {
  COMPOSE_PROJECT_NAME=$PROJECT ./tulip fault --compose "$@" >>"$SCRATCH/fault.log" 2>&1
}

# ops_events TYPE KIND: how many of the ops stream's events of this type are about a fault of this kind.
ops_events() {
  ask "$URL/api/events?stream=ops&limit=1000&type=$1" | jq --arg kind "$2" '[.items[] | select(.payload.kind == $kind)] | length'
}
