# shellcheck shell=bash
# compose_words: what the words that fault.sh is written with mean for containers. compose_open sources it, in place of a local instance's.

service_names() {
  local name instance
  for name in postgres "${ACTORS[@]}"; do
    for instance in "" -1 -2; do
      [[ -z ${COMPOSE_CONTAINERS[$name$instance]-} ]] || printf '%s\n' "$name$instance"
    done
  done
}

service_az() {
  printf '%s\n' "${COMPOSE_ZONES[$1]-}"
}

http_get() {
  curl -s -k -m 5 --noproxy '*' "${@:2}" "$(compose_url)$1"
}

fault_must_be_enabled() {
  [[ $COMPOSE_FAULTS == yes ]] ||
    fail "faults are off in the project $COMPOSE_PROJECT" "They are on only when it was started with it: TB_ENABLE_FAULTS=1 docker compose up -d"
}

fault_records() {
  compose_faults_run "$@"
}

fault_settle() {
  : # each container looks ten times a second by itself
}
