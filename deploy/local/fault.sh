# shellcheck shell=bash
# fault: breaking something for a while (docs/FAULTS.md). A fault is a record, a file in RUN_DIR/faults (common/inject.h says what is in it).
# What concerns messages, the database's answers and CPU time the actors carry out themselves; what concerns processes is done here, by the
# service "faults" (run-faults), which s6 keeps alive: ten times a second it makes what is true what the records say, so a fault ends when its
# time is up, whoever began it and whatever became of them.

FAULT_SECONDS_MAX=3600
FAULT_RECORDS_MAX=32 # as many as each actor reads (INJECT_RULES_MAX)
FAULT_LINKS=(orders-command orders-stage orders-feed executions-feed outbox-stage balances-feed balance-command persona-command
  reconciler-command ops-feed ops-feed-reconciler)

# ---- what the service "faults" does ----

# The clock, in microseconds since 1970, without a process.
now_us() {
  printf -v "$1" '%s' "${EPOCHREALTIME/[.,]/}"
}

# fault_services TARGET: the services a record's target means.
fault_services() {
  local name
  for name in $(service_names); do
    case $1 in
      az:*) [[ $(service_az "$name") != "${1#az:}" ]] || printf '%s\n' "$name" ;;
      */*) [[ $name != "${1%/*}-${1#*/}" ]] || printf '%s\n' "$name" ;;
      *) [[ $name != "$1" && ${name%-*} != "$1" ]] || printf '%s\n' "$name" ;;
    esac
  done
}

# fault_end ID: the record leaves; it is kept aside for a while, for whoever tells of it (the reconciler).
fault_end() {
  as_service mv -- "$RUN_DIR/faults/$1" "$RUN_DIR/faults-ended/$1" 2>/dev/null || true
  as_service find "$RUN_DIR/faults-ended" -type f -mmin +2 -delete 2>/dev/null || true
}

# Effect: FAULT_HELD and FAULT_PAUSED become what the records want; those whose time is up leave; a kill strikes once.
fault_read_records() {
  local file id kind target link probability ms jitter from until rest now name
  FAULT_HELD=" " FAULT_PAUSED=" "
  now_us now
  for file in "$RUN_DIR"/faults/*; do
    [[ -f $file ]] || continue
    id=${file##*/}
    read -r kind target link probability ms jitter from until rest <"$file" || continue
    if [[ ! $until =~ ^[0-9]+$ ]] || ((now >= until)); then
      fault_end "$id"
      continue
    fi
    case $kind in
      stop | az) for name in $(fault_services "$target"); do FAULT_HELD+="$name "; done ;;
      pause) for name in $(fault_services "$target"); do FAULT_PAUSED+="$name "; done ;;
      kill)
        [[ ! -e $DATA/run/$id.struck ]] || continue
        : >"$DATA/run/$id.struck" # first: at most once
        for name in $(fault_services "$target"); do s6-svc -k "$SERVICES/$name"; done
        ;;
    esac
  done
}

# fault_hold NAME: down at once and not started again; fault_release NAME: started again.
fault_hold() {
  : >"$DATA/run/$1.held" # for note-death
  s6-svc -O "$SERVICES/$1"
  s6-svc -k "$SERVICES/$1"
}

fault_release() {
  rm -f -- "$DATA/run/$1.held"
  [[ -e $DATA/run/stopping ]] || s6-svc -u "$SERVICES/$1"
}

fault_pause() {
  : >"$DATA/run/$1.paused"
  s6-svc -p "$SERVICES/$1"
}

fault_continue() {
  s6-svc -c "$SERVICES/$1"
  rm -f -- "$DATA/run/$1.paused" # last: who dies in between does it again
}

# Effect: one look: what is true becomes what the records say.
fault_tick() {
  local name mark wanted
  fault_read_records
  wanted=$FAULT_HELD
  for name in $wanted; do
    [[ -e $DATA/run/$name.held ]] || fault_hold "$name"
  done
  wanted=$FAULT_PAUSED
  for name in $wanted; do
    [[ -e $DATA/run/$name.paused ]] || fault_pause "$name"
  done
  for mark in "$DATA"/run/*.held "$DATA"/run/*.paused; do
    [[ -e $mark ]] || continue
    name=${mark##*/}
    case $name in
      *.held) [[ $FAULT_HELD == *" ${name%.held} "* ]] || fault_release "${name%.held}" ;;
      *.paused) [[ $FAULT_PAUSED == *" ${name%.paused} "* ]] || fault_continue "${name%.paused}" ;;
    esac
  done
}

# ---- the records, in RUN_DIR; for containers these functions run where their records are (compose.sh) ----

# fault_records FUNCTION ARGUMENT…
fault_records() {
  "$@"
}

# Effect: those whose time is up leave. (The service "faults" does it ten times a second; here for where there is none.)
fault_record_tidy() {
  local file kind target link probability ms jitter from until rest now
  now_us now
  for file in "$RUN_DIR"/faults/*; do
    [[ -f $file ]] && read -r kind target link probability ms jitter from until rest <"$file" || continue
    [[ $until =~ ^[0-9]+$ ]] && ((now < until)) || fault_end "${file##*/}"
  done
}

# fault_record_write KIND TARGET LINK PROBABILITY MS JITTER SECONDS POINT: a new record, there as a whole or not at all. Prints its id.
fault_record_write() {
  local now until id present
  fault_record_tidy
  present=("$RUN_DIR"/faults/*)
  ((${#present[@]} < FAULT_RECORDS_MAX)) || fail "$FAULT_RECORDS_MAX faults are in force, and no actor looks at more" "End some: ./tulip fault clear"
  now_us now
  until=$(awk -v now="$now" -v s="$7" 'BEGIN { printf "%.0f", now + s * 1000000 }')
  id=$1-$(printf '%04x%04x' $((RANDOM)) $((RANDOM)))
  # shellcheck disable=SC2016 # for the inner shell
  as_service sh -c 'printf "%s\n" "$3" >"$1/.$2" && mv -- "$1/.$2" "$1/$2"' write "$RUN_DIR/faults" "$id" "$1 $2 $3 $4 $5 $6 $now $until $8" &&
    say "$id"
}

# The faults in force, a line each.
fault_record_list() {
  local file kind target link probability ms jitter from until rest now found=no
  now_us now
  for file in "$RUN_DIR"/faults/*; do
    [[ -f $file ]] && read -r kind target link probability ms jitter from until rest <"$file" && ((now < until)) || continue
    [[ $found == yes ]] || printf '%-16s %-10s %-14s %-20s %-6s %6s %7s %-28s %9s\n' ID KIND TARGET LINK CHANCE MS JITTER POINT 'ENDS IN'
    found=yes
    printf '%-16s %-10s %-14s %-20s %-6s %6s %7s %-28s %8ss\n' "${file##*/}" "$kind" "$target" "$link" "$probability" "$ms" "$jitter" "$rest" \
      "$(((until - now) / 1000000))"
  done
  [[ $found == yes ]] || say "no fault is in force"
}

# fault_record_clear ID: one leaves, or all (ID ""). Prints how many it were.
fault_record_clear() {
  local file id cleared=0
  fault_record_tidy
  for file in "$RUN_DIR"/faults/*; do
    id=${file##*/}
    [[ -f $file && (-z $1 || $id == "$1") ]] || continue
    as_service mv -- "$file" "$RUN_DIR/faults-ended/$id" 2>/dev/null || continue # it ended by itself just now
    cleared=$((cleared + 1))
  done
  say "$cleared"
}

# ---- what the command does ----

fault_must_be_enabled() {
  instance_must_run
  [[ -d $SERVICES/faults ]] ||
    fail "faults are off in $DATA" "They are on only when it was started with it: TB_ENABLE_FAULTS=1 ./tulip up$(data_hint)"
}

# fault_number NAME MIN MAX DEFAULT: the option --NAME, a number in this range; DEFAULT "" = it must be given.
fault_number() {
  local value=${OPT[$1]-$4}
  [[ -n $value ]] || wrong_usage "this fault needs --$1"
  [[ $value =~ ^[0-9]{1,9}(\.[0-9]{1,6})?$ ]] && awk -v v="$value" -v min="$2" -v max="$3" 'BEGIN { exit !(v + 0 >= min && v + 0 <= max) }' ||
    wrong_usage "--$1 must be $2 to $3, not $value"
  printf '%s\n' "$value"
}

# fault_takes OPTION…: refuses every other one.
fault_takes() {
  local option
  for option in "${!OPT[@]}"; do
    [[ " $* " == *" $option "* ]] || wrong_usage "fault $FAULT_KIND does not take --$option"
  done
}

# fault_target TARGET PROCESSES: the target as a record names it; PROCESSES yes = it must be services of ours.
fault_target() {
  local target=$1 names
  [[ $target != all ]] || target="*"
  case $target in
    az:*) services_of_az "${target#az:}" >/dev/null ;;
    "*") [[ $2 == no ]] || wrong_usage "fault $FAULT_KIND needs a target: an actor, actor/instance or az:zone" ;;
    postgres) [[ $2 == yes ]] || wrong_usage "fault $FAULT_KIND takes an actor, not postgres" ;;
    faults) wrong_usage "faults cannot break what ends them" ;;
    */leader)
      names=$(services_named "$target") || exit 1
      target=$(service_title "$names")
      ;;
    *) services_named "$target" >/dev/null ;;
  esac
  printf '%s\n' "$target"
}

# fault_write KIND TARGET LINK PROBABILITY MS JITTER SECONDS POINT: a new record. FAULT_ID names it.
fault_write() {
  FAULT_ID=$(fault_records fault_record_write "$@")
}

fault_is_gone() {
  [[ ! -e $RUN_DIR/faults/$1 ]]
}

fault_list() {
  fault_records fault_record_list
}

# fault_clear [ID]: ends one, or all: the kill switch. Works also when the service that ends them is dead.
fault_clear() {
  local cleared
  cleared=$(fault_records fault_record_clear "${1-}")
  ((cleared > 0)) || [[ -z ${1-} ]] || fail "there is no fault $1" "./tulip fault list shows those in force."
  fault_settle
  say "$cleared ended"
}

# Effect: waits until nothing is held down any more that no record wants so.
fault_settle() {
  wait_for 2 faults_are_undone || as_service "$TULIP_HOME/deploy/local/run-faults" "$DATA" once
}

# Whether no service is held down or paused that no record wants so.
faults_are_undone() {
  local mark wanted=" " file kind target rest name
  for file in "$RUN_DIR"/faults/*; do
    [[ -f $file ]] && read -r kind target rest <"$file" || continue
    case $kind in stop | az | pause) for name in $(fault_services "$target"); do wanted+="$name "; done ;; esac
  done
  for mark in "$DATA"/run/*.held "$DATA"/run/*.paused; do
    [[ -e $mark ]] || continue
    name=${mark##*/}
    [[ $wanted == *" ${name%.*} "* ]] || return 1
  done
}

fault_command() {
  local target seconds link chance ms jitter point=-
  FAULT_KIND=${1-}
  case $FAULT_KIND in
    kill | stop | pause | az | delay | drop | duplicate | db-slow | cpu | crash | list | clear) ;;
    "") wrong_usage "which fault?" ;;
    *) wrong_usage "there is no fault $FAULT_KIND" ;;
  esac
  fault_must_be_enabled
  case $FAULT_KIND in
    list | clear)
      fault_takes
      "fault_$FAULT_KIND" "${@:2}"
      return
      ;;
    kill | stop | pause) fault_takes "$([[ $FAULT_KIND == kill ]] || echo for)" && target=$(fault_target "${2:-*}" yes) ;;
    az) fault_takes for && target=$(fault_target "az:${2:-}" yes) ;;
    drop | duplicate) fault_takes for link probability && target=$(fault_target "${2:-*}" no) ;;
    delay) fault_takes for link probability ms jitter && target=$(fault_target "${2:-*}" no) ;;
    db-slow) fault_takes for ms && target=$(fault_target "${2:-*}" no) ;;
    cpu) fault_takes for ms && target=$(fault_target "${2:-*}" no) ;;
    crash)
      [[ $OPT_COMPOSE == no ]] || wrong_usage "the images are built without the named moments of crash: it is for local instances"
      fault_takes for passage
      [[ ${2-} =~ ^([a-z]+)\.(before|after)_(commit|send)$ ]] || wrong_usage "crash takes a fault point, like sequencer.before_commit"
      target=$(fault_target "${BASH_REMATCH[1]}" yes)
      point=$2:kill:$(fault_number passage 1 1000000000 1) || exit
      ;;
  esac
  [[ $FAULT_KIND != pause || $target != postgres ]] || wrong_usage "a paused postmaster pauses nothing; use db-slow"
  link=- chance=- ms=- jitter=-
  case $FAULT_KIND in
    drop | duplicate | delay)
      link=${OPT[link]:-*}
      [[ $link == "*" || " ${FAULT_LINKS[*]} " == *" $link "* ]] || wrong_usage "there is no link $link (there are: ${FAULT_LINKS[*]})"
      chance=$(fault_number probability 0 1 1) || exit
      ;;&
    delay) ms=$(fault_number ms 0 60000 "") && jitter=$(fault_number jitter 0 60000 0) || exit ;;
    db-slow) ms=$(fault_number ms 1 2000 "") || exit ;;
    cpu) ms=$(fault_number ms 1 1000 "") || exit ;;
  esac
  [[ $ms != *.* && $jitter != *.* && $point != *.* || $FAULT_KIND == crash ]] || wrong_usage "milliseconds are whole numbers"
  seconds=1
  [[ $FAULT_KIND == kill ]] || seconds=$(fault_number for 0.1 "$FAULT_SECONDS_MAX" "") || exit
  fault_write "$FAULT_KIND" "$target" "$link" "$chance" "$ms" "$jitter" "$seconds" "$point"
  say "fault $FAULT_ID: $FAULT_KIND ${target/#\*/everywhere}$([[ $point == - ]] || printf ' at passage %s of %s' "${point##*:}" "${point%%:*}")$([[ $link == - ]] || printf ' on link %s' "${link/#\*/all}"), ends by itself after $seconds s"
}
