# shellcheck shell=bash
# compose: ./tulip fault --compose, for the containers of docker-compose.yml (docs/FAULTS.md). They are found by the labels that docker-compose
# 1.29 and Compose v2 both give, so "docker" alone is needed. A fault is the same record as elsewhere, in the volume "faults", which every actor
# and PostgreSQL see read-only; what it says is done inside the containers (deploy/docker/breakable.c), and nothing here has to live for its end.

COMPOSE_FAULTS_DIR=/run/tulip-faults
declare -A COMPOSE_CONTAINERS=() COMPOSE_ZONES=() # by service

# Effect: finds the project's containers. COMPOSE_PROJECT_NAME says which project, where there are several.
compose_open() {
  local projects
  command -v docker >/dev/null && command -v curl >/dev/null && command -v jq >/dev/null || fail "docker, curl and jq are needed for this"
  projects=$(compose_projects) || fail "docker does not answer" "It may take sudo, or the group docker."
  [[ -n $projects ]] || fail "no containers of docker-compose.yml are there" "Start them: TB_ENABLE_FAULTS=1 docker compose up --wait"
  [[ $projects != *$'\n'* ]] || fail "there are several projects: $(paste -sd ' ' <<<"$projects")" "Say which: COMPOSE_PROJECT_NAME=… ./tulip $COMMAND --compose …"
  COMPOSE_PROJECT=$projects
  compose_look
  # shellcheck source=/dev/null
  source "$TULIP_HOME/deploy/local/compose_words.sh"
}

# The projects that have a sequencer-1, a line each; of several, those named by COMPOSE_PROJECT_NAME or started from here.
compose_projects() {
  local lines mine
  lines=$(docker ps -a --filter label=com.docker.compose.service=sequencer-1 --filter label=com.docker.compose.oneoff=False \
    --format '{{.Label "com.docker.compose.project"}} {{.Label "com.docker.compose.project.working_dir"}}') || return
  if [[ -n ${COMPOSE_PROJECT_NAME-} ]]; then
    awk -v name="$COMPOSE_PROJECT_NAME" '$1 == name { print $1; exit }' <<<"$lines"
    return
  fi
  mine=$(awk -v home="$TULIP_HOME" 'substr($0, length($1) + 2) == home { print $1 }' <<<"$lines")
  printf '%s\n' "${mine:-$(cut -d ' ' -f 1 <<<"$lines")}" | sort -u
}

# Effect: notes each service's container and zone, and whether faults are enabled.
compose_look() {
  local ids service id value
  COMPOSE_FAULTS=no
  mapfile -t ids < <(docker ps -aq --filter "label=com.docker.compose.project=$COMPOSE_PROJECT" --filter label=com.docker.compose.oneoff=False)
  while read -r service id value; do
    [[ -n $service ]] || continue # between two containers
    COMPOSE_CONTAINERS[$service]=$id
    case $value in
      TB_AZ=*) COMPOSE_ZONES[$service]=${value#*=} ;;
      TB_ENABLE_FAULTS=1 | TB_ENABLE_FAULTS=true | TB_ENABLE_FAULTS=yes | TB_ENABLE_FAULTS=on) COMPOSE_FAULTS=yes ;;
    esac
  done < <(docker inspect -f '{{$name := index .Config.Labels "com.docker.compose.service"}}{{$id := .Id}}{{range .Config.Env}}{{$name}} {{$id}} {{println .}}{{end}}' "${ids[@]}")
}

# The door, as one on this machine reaches it.
compose_url() {
  local address
  address=$(docker port "${COMPOSE_CONTAINERS[edge]:?}" 8443 2>/dev/null | head -n 1)
  printf 'https://%s\n' "${address/#0.0.0.0:/127.0.0.1:}"
}

# compose_faults_run FUNCTION ARGUMENT…: runs a function of fault.sh where the records are, by that clock: in a container that has their volume,
# nothing else, and is gone afterwards.
compose_faults_run() {
  local image volume
  image=$(docker inspect -f '{{.Image}}' "${COMPOSE_CONTAINERS[sequencer-1]}")
  volume=$(docker volume ls -q --filter "label=com.docker.compose.project=$COMPOSE_PROJECT" --filter label=com.docker.compose.volume=faults)
  [[ -n $volume ]] || fail "the project $COMPOSE_PROJECT has no volume for faults" "It was started by an older version: docker compose up -d"
  {
    declare -f say fail now_us fault_end fault_record_tidy fault_record_write fault_record_list fault_record_clear
    printf '%s\n' 'set -euo pipefail' 'as_service() { "$@"; }' "FAULT_RECORDS_MAX=$FAULT_RECORDS_MAX RUN_DIR=$COMPOSE_FAULTS_DIR" \
      'umask 022' 'mkdir -p "$RUN_DIR/faults" "$RUN_DIR/faults-ended"' '"$@"'
  } | docker run --rm -i --network none --read-only --cap-drop ALL --security-opt no-new-privileges:true --log-driver none \
    -v "$volume:$COMPOSE_FAULTS_DIR" --entrypoint bash "$image" -s -- "$@"
}
