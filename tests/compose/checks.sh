# shellcheck shell=bash
# checks: what is asked of the cluster, a function each. To be sourced by run.

# --- from outside, and around each container

is_confined() {
  local name id
  for name in "${ALL[@]}"; do
    id=$(container "$name")
    [[ $(docker inspect -f '{{.Config.User}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}} {{.Path}}' "$id") == \
      "tulip true [ALL] [no-new-privileges:true] /usr/bin/tini" ]] || return 1
    ! docker exec "$id" sh -c 'touch /usr/x' 2>/dev/null || return 1
    [[ $name != *-[12] || $(docker exec "$id" ls /run/keys | paste -sd ' ') == "$(printf '%s\n' "${name%-*}" public | sort | paste -sd ' ')" ]] || return 1
  done
}

speaks_http2_with_a_verified_certificate() {
  [[ $(ask --http2 -o /dev/null -w '%{http_version} %{http_code} %{ssl_verify_result}' "$URL/api/orders") == "2 200 0" ]]
}

serves_the_page() {
  ask "$URL/" | grep -qi '<!doctype html'
}

hides_metrics() {
  [[ $(status_of "$URL/metrics") == 404 && $(status_of "$URL/fleet/metrics") == 404 ]]
}

# Loopback is not limited: who could say that it is 127.0.0.1 would get no RateLimit header.
counts_clients_whatever_they_say() {
  ask -D - -o /dev/null -H 'X-Forwarded-For: 127.0.0.1' "$URL/api/orders" | grep -qi '^ratelimit-remaining:'
}

streams_events() {
  ask -N -m 20 -H 'Accept: text/event-stream' "$URL/api/stream?channels=orders" >"$SCRATCH/events" &
  local reader=$! found
  wait_for 10 test -s "$SCRATCH/events"
  post stream-1 >/dev/null
  wait_for 10 grep -q '^data:.*order' "$SCRATCH/events"
  found=$?
  kill "$reader" 2>/dev/null
  wait "$reader" 2>/dev/null
  return "$found"
}

opens_a_websocket() {
  [[ $(ask --http1.1 -o /dev/null -w '%{http_code}' -m 2 -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' \
    -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' "$URL/ws") == 101 ]]
}

put_portrait() {
  ask -X PUT -H 'Content-Type: image/png' --data-binary "@$1" "$URL/api/personas/leeuwenhoek/avatar" "${@:2}"
}

# Whether the portrait is served, a PNG and the same bytes each time, by the gateways in turn.
portrait_is_served() {
  local first again _
  first=$(ask "$URL$PORTRAIT" | sha256sum)
  for _ in 1 2 3 4 5 6; do
    again=$(ask -D "$SCRATCH/portrait.head" "$URL$PORTRAIT" | sha256sum)
    [[ $again == "$first" ]] && grep -qi '^content-type: image/png' "$SCRATCH/portrait.head" || return 1
  done
}

takes_a_portrait() {
  PORTRAIT=$(put_portrait ui/public/avatars/seed/clusius@2x.png | jq -r '.avatarUrl // empty')
  [[ $PORTRAIT == /uploads/avatars/leeuwenhoek-*.png ]] && portrait_is_served
}

refuses_a_strange_portrait() {
  head -c 4000 ui/public/avatars/seed/clusius@2x.png >"$SCRATCH/half.png"
  [[ $(put_portrait "$SCRATCH/half.png" -o /dev/null -w '%{http_code}') == 422 && $(put_portrait tulip -o /dev/null -w '%{http_code}') == 415 ]]
}

# --- from inside, as someone who should not be there

database_is_closed_to_others() {
  local said
  said=$(docker exec "$(container postgres)" psql 'host=postgres dbname=tulip user=tulip sslmode=require' -c 'SELECT 1' 2>&1) && return 1
  [[ $said == *"no pg_hba.conf entry"* ]] || return 1
  said=$(docker exec "$(container postgres)" psql 'host=postgres dbname=tulip user=tb_balance password=wrong sslmode=require' -c 'SELECT 1' 2>&1) && return 1
  [[ $said == *"password authentication failed"* ]]
}

console_hears_everybody() {
  compose run --rm console top --once --json >"$SCRATCH/console.json" 2>"$SCRATCH/console.log" || return 1
  jq -e --argjson heard $((${#ZONE_A[@]} * 2)) '[.actors[] | select(.state | test("^(leader|standby|ready)$"))] | length == $heard' "$SCRATCH/console.json" >/dev/null
}

nobody_of_ours_is_refused() {
  ! compose logs 2>&1 | grep -qE 'refused: (its key|an? [a-z]+ may not)'
}

# intrude COMMAND. Effect: runs the shell command in a container on the bus, which has everybody's public keys in /public, persona's own in
# /persona, and a place for keys in /keys; then, with those, the operator's tool, which connects to every sequencer.
intrude() {
  timeout 20 docker run --rm --init --network "${PROJECT}_bus" --label "com.docker.compose.project=$PROJECT" --user tulip --read-only --cap-drop ALL \
    --dns-option timeout:1 --dns-option attempts:1 --tmpfs /keys:uid=10001,mode=0700 -v "${PROJECT}_keys-public:/public:ro" \
    -v "${PROJECT}_keys-persona:/persona:ro" -e TB_CURVE_DIR=/keys -e TB_TOPOLOGY=/etc/tulip/topology.ini --entrypoint /bin/bash \
    "tulipbroker/actor:$TULIP_TAG" -c "mkdir -m 0700 /keys/public /keys/operator && cp /public/*.pub /keys/public/ && $1 && exec timeout 4 tb-console tap orders" \
    >"$SCRATCH/intruder.log" 2>&1
}

stranger_is_refused() {
  intrude 'rm /keys/public/operator.pub && tb-keys /keys operator'
  wait_for 10 logs_say sequencer-1 sequencer-2 "refused: its key is nobody's"
}

wrong_role_is_refused() {
  intrude 'mv /keys/public/persona.pub /keys/public/operator.pub && cp /persona/secret.key /keys/operator/'
  wait_for 10 logs_say sequencer-1 sequencer-2 "refused: a persona may not connect to it"
}

plain_is_refused() {
  docker run --rm --init --network "${PROJECT}_bus" --label "com.docker.compose.project=$PROJECT" --user tulip --read-only --cap-drop ALL --entrypoint /bin/bash \
    "tulipbroker/actor:$TULIP_TAG" -c 'for name in sequencer-1 sequencer-2; do
      (exec 3<>"/dev/tcp/$name/7003" && { printf "\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL" && head -c 48 /dev/zero; } >&3 && timeout 2 cat <&3); done' \
    >"$SCRATCH/intruder.log" 2>&1
  wait_for 10 logs_say sequencer-1 sequencer-2 "one side asks for CURVE, the other does not"
}

# --- what is measured

# query EXPRESSION: the values, a line each.
query() {
  curl -q -s --noproxy '*' -m 5 --data-urlencode "query=$1" "$PROMETHEUS/api/v1/query" | jq -r '.data.result[]?.value[1]'
}

prometheus_has_scraped() {
  [[ $(query 'up' | paste -sd ' ') == "1 1" && $(query 'count(tb_up)') == "$((${#ZONE_A[@]} * 2))" && $(query 'tulip:orders_accepted:rate1m > bool 0') == 1 ]]
}

prometheus_reads_everything() {
  local asked
  wait_for 60 prometheus_has_scraped || return 1
  asked=$(grep -cE '^ *- (record|alert):' deploy/monitoring/rules.yml deploy/monitoring/alerts.yml | awk -F : '{ sum += $2 } END { print sum }')
  [[ $(curl -q -s --noproxy '*' -m 5 "$PROMETHEUS/api/v1/rules" | jq '[.data.groups[].rules[] | select(.health == "ok")] | length') == "$asked" ]]
}

metrics_are_those_asked_for() {
  curl -q -s --noproxy '*' -m 5 "$PROMETHEUS/api/v1/label/__name__/values" | jq -r '.data[]' >"$SCRATCH/served"
  tests/system/asked_metrics "$SCRATCH/served"
}

# --- deaths

# The leader dies and stays dead: its standby takes over, and orders go on. Then it comes back as the standby.
survives_the_death_of_a_leader() {
  local leader
  wait_for 60 has_leader "$1" || return 1
  leader=$(in_state "$1" READY)
  docker kill "$(container "$leader")" >/dev/null || return 1
  wait_for 60 has_other_leader "$1" "$leader" && orders_flow || return 1
  docker start "$(container "$leader")" >/dev/null
  wait_for 60 has_a_standby "$1"
}

# All its processes die, as of a bug: the restart policy brings it back by itself.
comes_back_by_itself() {
  local id before
  id=$(container "$1")
  before=$(docker inspect -f '{{.RestartCount}}' "$id")
  docker exec "$id" sh -c 'kill -9 -1' 2>/dev/null
  wait_for 60 restarted "$id" "$before" && orders_flow
}

# --- the next version

# Effect: images that are new to Docker, with the programs of the present ones.
next_version_make() {
  local image
  for image in "${NEXT_IMAGES[@]}"; do
    printf 'FROM %s:%s\nLABEL version=next\n' "${image%:*}" "$TULIP_TAG" | docker build -q -t "$image" - >/dev/null || return 1
  done
}

# next_version_up SERVICE…
next_version_up() {
  local name
  TULIP_TAG=$NEXT compose up -d --no-build --no-deps "$@" >>"$SCRATCH/next.log" 2>&1 && wait_for 120 are_healthy "$@" && wait_for 60 pairs_are_whole || return 1
  for name in "$@"; do
    [[ $(docker inspect -f '{{.Config.Image}}' "$(container "$name")") == *":$NEXT" ]] || return 1
  done
}

# The schema, then one of each pair, then the other (docs/DEPLOY.md, "A new version").
brings_in_the_next_version() {
  next_version_make || return 1
  UPGRADE_BEGAN=$EPOCHREALTIME
  TULIP_TAG=$NEXT compose run --rm --no-deps migrate >>"$SCRATCH/next.log" 2>&1 && next_version_up "${ZONE_A[@]}" && next_version_up "${ZONE_B[@]}" && orders_flow
  local result=$?
  UPGRADE_ENDED=$EPOCHREALTIME
  return "$result"
}

# Of the answers in that time: their codes, the longest that a client was told 503, and the longest that it had no answer 201.
upgrade_was_smooth() {
  sort -n "$SCRATCH"/refused-* "$SCRATCH"/acknowledged-* | awk -v from="$UPGRADE_BEGAN" -v to="$UPGRADE_ENDED" '
    $1 < from || $1 > to { next }
    $3 ~ /^[0-9]+$/ { refused[$3]++; if (!($2 in began)) began[$2] = $1; next }
    {
      worker = $2; sub(/-[0-9]+$/, "", worker); taken++
      if ($2 in began && $1 - began[$2] > longest) longest = $1 - began[$2]
      if (worker in last && $1 - last[worker] > pause) pause = $1 - last[worker]
      last[worker] = $1
    }
    END {
      printf "        %d orders taken; longest pause %.2f s; 503 for %.2f s at the longest;", taken, pause, longest
      for (code in refused) { printf " %s × %d", code, refused[code]; bad += code != "503" }
      print ""
      exit bad > 0 || longest >= 1 || taken == 0
    }'
}

# --- broken on purpose

faults_are_refused_where_they_are_off() {
  ! fault stop sequencer/leader --for 1 && grep -q "faults are off in the project $PROJECT" "$SCRATCH/fault.log"
}

# A leader is held down, in a container that stays, until the switch is pressed.
a_stop_holds_a_leader_down() {
  local leader
  leader=$(in_state sequencer READY)
  fault stop sequencer/leader --for 600 && wait_for 60 has_other_leader sequencer "$leader" && orders_flow || return 1
  docker top "$(container "$leader")" -eo pid,comm >"$SCRATCH/held" && grep -q ' tulip-breakable$' "$SCRATCH/held" && ! grep -q ' tb-sequencer$' "$SCRATCH/held" || return 1
  fault clear && wait_for 60 has_a_standby sequencer
}

# Whoever began it is gone; it is the time that ends it.
a_zone_is_lost_and_comes_back_by_itself() {
  fault az nl-1a --for 3 && wait_for 60 all_are_told FaultEnded az && logs_say balance-1 "held down" && logs_say gateway-1 "held down" && orders_flow &&
    wait_for 60 pairs_are_whole
}

# A leader sleeps past its lease, the database is slow, messages get lost and late; fault clear ends it.
one_switch_ends_everything() {
  local leader
  leader=$(in_state simfill READY)
  fault pause simfill/leader --for 600 && fault db-slow --ms 50 --for 600 && fault drop --probability 0.2 --for 600 && fault delay --ms 20 --jitter 20 --for 600 || return 1
  wait_for 60 has_other_leader simfill "$leader" && orders_flow && wait_for 30 all_are_told FaultStarted pause db-slow drop delay && fault list && fault clear || return 1
  grep -q '^delay-.* \* ' "$SCRATCH/fault.log" && grep -qx '4 ended' "$SCRATCH/fault.log" && wait_for 30 all_are_told FaultEnded pause db-slow drop delay &&
    wait_for 60 has_a_standby simfill
}

# all_are_told TYPE KIND…
all_are_told() {
  local kind
  for kind in "${@:2}"; do (($(ops_events "$1" "$kind") > 0)) || return 1; done
}

a_kill_is_the_containers_end_and_the_database_may_be_stopped() {
  local id before
  id=$(container balance-1)
  before=$(docker inspect -f '{{.RestartCount}}' "$id")
  fault kill balance/1 && fault stop postgres --for 2 && wait_for 60 restarted "$id" "$before" && orders_flow && wait_for 60 all_are_told FaultEnded kill stop
}

# --- and all of it again

keeps_everything_over_down_and_up() {
  local last portrait
  last=$(cat "$SCRATCH"/acknowledged-* | tail -n 1)
  portrait=$(ask "$URL$PORTRAIT" | sha256sum)
  # Docker 20.10 may say of a network that it has endpoints when nothing is left of them, and keep it: down fails then, and up takes the network.
  compose --profile monitoring down >"$SCRATCH/down.log" 2>&1 || [[ -z $(docker ps -aq --filter "label=com.docker.compose.project=$PROJECT") ]] || return 1
  TB_ENABLE_FAULTS=1 compose up -d --no-build >"$SCRATCH/up2.log" 2>&1 || return 1
  wait_for 120 are_healthy && wait_for 30 is_ready || return 1
  [[ $(ask "$URL/api/orders/${last##* }" | jq -r .orderId) == "${last##* }" ]] && portrait_is_served && [[ $(ask "$URL$PORTRAIT" | sha256sum) == "$portrait" ]]
}

# No key got two orders, no order two keys, and each is there still: asked for again, it is answered as a replay.
lost_and_doubled_nothing() {
  local key id answer
  [[ -z $(cat "$SCRATCH"/acknowledged-* | cut -d ' ' -f 3 | sort | uniq -d) ]] || return 1
  while read -r _ key id; do
    answer=$(post "$key")
    [[ ${answer##*$'\n'} == 200 && $(id_of "$answer") == "$id" ]] || return 1
  done < <(cat "$SCRATCH"/acknowledged-* | shuf -n 40)
}

audit_finds_nothing() {
  wait_for 60 compose run --rm audit >"$SCRATCH/audit.log" 2>&1 || { tail -n 15 "$SCRATCH/audit.log" && return 1; }
}
