# shellcheck shell=bash
# doctor: looks at the machine, the directory and everything that runs there, and says of each whether it is well, and if not, what helps.
# It changes nothing. Exit: 0 nothing is wrong (warnings may be), 1 something is.

DOCTOR_IDS=() DOCTOR_STATES=() DOCTOR_DETAILS=() DOCTOR_REMEDIES=()
DOCTOR_LOG_MINUTES=5 DOCTOR_INODES_MIN=10000 DOCTOR_FILES_MIN=4096 DOCTOR_BACKUP_HOURS=24 DOCTOR_SHM_MIN_KIB=16384 DOCTOR_CLOCK_MAX_MS=1000

# doctor_note STATE ID DETAIL [REMEDY]: STATE is ok, warn, FAIL or skip.
doctor_note() {
  DOCTOR_STATES+=("$1") DOCTOR_IDS+=("$2") DOCTOR_DETAILS+=("$3") DOCTOR_REMEDIES+=("${4-}")
}

doctor_command() {
  local word json=no
  for word in "$@"; do
    case $word in
      --json) json=yes ;;
      *) wrong_usage "doctor does not take $word" ;;
    esac
  done
  doctor_machine
  doctor_directory
  doctor_tree
  doctor_port
  doctor_database
  doctor_actors
  doctor_orphans
  doctor_logs
  doctor_backup
  if [[ $json == yes ]]; then doctor_json; else doctor_text; fi
  [[ " ${DOCTOR_STATES[*]} " != *" FAIL "* ]]
}

# --- the machine ---

doctor_machine() {
  local missing=() package release limit free
  release=$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release 2>/dev/null)
  if grep -qsx 'ID=debian' /etc/os-release; then
    doctor_note ok system "$release"
  else
    doctor_note warn system "${release:-no Debian}" "Made for and tested on Debian 12; elsewhere the packages have to be there already."
  fi
  if command -v dpkg-query >/dev/null; then
    for package in "${PACKAGES_UP[@]}"; do package_is_there "$package" || missing+=("$package"); done
    if ((${#missing[@]} == 0)); then
      doctor_note ok packages "all ${#PACKAGES_UP[@]} are installed"
    else
      doctor_note FAIL packages "missing: ${missing[*]}" "As root: apt-get install -y --no-install-recommends ${missing[*]}"
    fi
  fi
  if [[ -x $PG_BIN/postgres && -x $PG_BIN/psql ]]; then
    doctor_note ok postgresql "$("$PG_BIN/postgres" --version | sed 's/^postgres (PostgreSQL) //')"
  else
    doctor_note FAIL postgresql "no PostgreSQL $PG_MAJOR in $PG_BIN" "As root: apt-get install -y --no-install-recommends postgresql-$PG_MAJOR"
  fi
  limit=$(ulimit -n)
  if [[ $limit == unlimited ]] || ((limit >= DOCTOR_FILES_MIN)); then
    doctor_note ok files "$limit open files per process"
  else
    doctor_note FAIL files "only $limit open files per process; $DOCTOR_FILES_MIN are needed for many clients" "ulimit -n 65536, or a line in /etc/security/limits.conf, and start again."
  fi
  free=$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print $4 }')
  if [[ -z $free ]] || ((free < DOCTOR_SHM_MIN_KIB)); then
    doctor_note FAIL shared-memory "/dev/shm has ${free:-no} KiB free, PostgreSQL wants $DOCTOR_SHM_MIN_KIB" "Enlarge it: mount -o remount,size=256M /dev/shm (in a container: --shm-size)."
  else
    doctor_note ok shared-memory "/dev/shm has $((free / 1024)) MiB free"
  fi
  doctor_clock
}

# Whether real time runs as fast as time does: a step in this second shows. Whether someone keeps it right, as far as that is known.
doctor_clock() {
  local real up drift ntp=unknown
  real=$(date +%s%3N) up=$(awk '{ printf "%d", $1 * 1000 }' /proc/uptime)
  sleep 0.5
  drift=$(($(date +%s%3N) - real - $(awk '{ printf "%d", $1 * 1000 }' /proc/uptime) + up))
  if ((drift > 100 || drift < -100)); then
    doctor_note FAIL clock "the clock was moved by $drift ms while we looked" "Let one service alone set it, slewing (chrony). Orders are numbered, not ordered by time; only times shown are wrong."
  else
    ! command -v timedatectl >/dev/null || ntp=$(timedatectl show -p NTPSynchronized --value 2>/dev/null) || ntp=unknown
    case $ntp in
      no) doctor_note warn clock "steady, but nothing keeps it right (NTP: not synchronized)" "apt-get install chrony, or see what timedatectl says." ;;
      yes) doctor_note ok clock "steady, synchronized" ;;
      *) doctor_note ok clock "steady (whether NTP keeps it right is not known here)" ;;
    esac
  fi
}

# --- the directory ---

doctor_directory() {
  local version made_by mode owner foreign place
  doctor_space
  if [[ ! -e $DATA/layout ]]; then
    if [[ -e $DATA && -n $(ls -A -- "$DATA" 2>/dev/null) ]]; then
      doctor_note FAIL data "$DATA is not empty and no data directory of TulipBroker" "Use another --data directory."
    else
      doctor_note ok data "nothing in $DATA yet; ./tulip up makes it"
    fi
    return
  fi
  version=$(cat -- "$DATA/layout" 2>/dev/null)
  if [[ ! $version =~ ^[0-9]+$ ]]; then
    doctor_note FAIL data "$DATA/layout is damaged: \"$version\" is no number" "It holds the layout's version; this TulipBroker writes $LAYOUT."
  elif ((version > LAYOUT)); then
    doctor_note FAIL data "made by a newer TulipBroker (layout $version, this one knows $LAYOUT)" "Use that version, or another --data directory."
  else
    doctor_note ok data "$DATA, layout $version"
  fi
  if [[ -r $CLUSTER/PG_VERSION ]]; then
    made_by=$(<"$CLUSTER/PG_VERSION")
    if [[ $made_by == "$PG_MAJOR" ]]; then
      doctor_note ok cluster "made by PostgreSQL $made_by"
    else
      doctor_note FAIL cluster "made by PostgreSQL $made_by, this TulipBroker runs $PG_MAJOR" "Bring it over with pg_upgrade, or use another --data directory."
    fi
  fi
  for place in "$DATA" "$CLUSTER" "$RUN_DIR"; do
    [[ -d $place ]] || continue
    mode=$(stat -c %a -- "$place") owner=$(stat -c %U -- "$place")
    if [[ $owner != "$SERVICE_USER" ]]; then
      doctor_note FAIL permissions "$place belongs to $owner, not to $SERVICE_USER" "chown -R $SERVICE_USER: $(printf %q "$place")"
      return
    elif [[ $place != "$DATA/run" && $((8#$mode & 8#027)) != 0 ]]; then
      doctor_note FAIL permissions "$place may be entered by others (mode $mode)" "chmod 0700 $(printf %q "$place")"
      return
    fi
  done
  foreign=$(find "$DATA" -maxdepth 2 ! -user "$SERVICE_USER" -print -quit 2>/dev/null)
  if [[ -n $foreign ]]; then
    doctor_note FAIL permissions "$foreign belongs to $(stat -c %U -- "$foreign"), not to $SERVICE_USER" "chown -R $SERVICE_USER: $(printf %q "$DATA")"
  else
    doctor_note ok permissions "everything belongs to $SERVICE_USER and to nobody else"
  fi
}

doctor_space() {
  local place=$DATA free inodes
  while [[ ! -e $place ]]; do place=$(dirname "$place"); done
  free=$(($(df -Pk -- "$place" | awk 'NR == 2 { print $4 }') / 1024))
  if ((free < DISK_MIN_MIB)); then
    doctor_note FAIL disk "$free MiB are free where $DATA lies, at least $DISK_MIN_MIB are needed" "Free some (docs/RUNBOOK.md, \"Disk full\"). Never delete anything in $CLUSTER by hand."
  else
    doctor_note ok disk "$free MiB are free"
  fi
  inodes=$(df -Pi -- "$place" | awk 'NR == 2 { print $4 }')
  if [[ $inodes =~ ^[0-9]+$ ]] && ((inodes < DOCTOR_INODES_MIN)) && [[ $(df -Pi -- "$place" | awk 'NR == 2 { print $2 }') != 0 ]]; then
    doctor_note FAIL inodes "$inodes files can still be made where $DATA lies" "Find where they are: du --inodes -x / | sort -n | tail"
  else
    doctor_note ok inodes "${inodes} free"
  fi
}

# --- what runs ---

# Effect: DOCTOR_RUNS becomes yes when the tree is there.
doctor_tree() {
  local name loop dead=()
  DOCTOR_RUNS=no
  if [[ ! -e $DATA/layout ]]; then
    doctor_note skip supervisor "nothing was ever started here"
    return
  fi
  if ! command -v s6-svscanctl >/dev/null; then
    doctor_note FAIL supervisor "s6 is not installed" "As root: apt-get install -y --no-install-recommends s6"
    return
  fi
  service_user_prepare
  if supervisor_is_down; then
    if services_are_watched; then
      doctor_note FAIL supervisor "s6-svscan was killed and its children go on without it: nobody would start a dead actor again" "./tulip down$(data_hint) && ./tulip up$(data_hint)"
    else
      doctor_note FAIL supervisor "not running" "./tulip up$(data_hint)"
    fi
    return
  fi
  DOCTOR_RUNS=yes
  for name in $(service_names); do
    loop=0
    [[ ! -r $DATA/run/$name.loop ]] || loop=$(<"$DATA/run/$name.loop")
    if ! s6-svok "$SERVICES/$name"; then
      dead+=("$(service_title "$name") is not supervised")
    elif ((loop >= 3)); then
      dead+=("$(service_title "$name") dies again and again ($(cat "$DATA/run/$name.death" 2>/dev/null))")
    elif ! service_pid "$name" >/dev/null; then
      dead+=("$(service_title "$name") has no process")
    fi
  done
  if ((${#dead[@]} == 0)); then
    doctor_note ok supervisor "$(service_names | wc -l) services are supervised and have their processes"
  else
    doctor_note FAIL supervisor "$(printf '%s; ' "${dead[@]}" | sed 's/; $//')" "See why: ./tulip logs ACTOR$(data_hint). Start one that was stopped by hand: s6-svc -u $SERVICES/NAME"
  fi
}

# The process that listens on a port, as far as we may see it: "PID NAME".
port_holder() {
  local hex inode fd
  hex=$(printf ':%04X' "$1")
  while read -r inode; do
    fd=$(find /proc/[0-9]*/fd -lname "socket:\[$inode\]" -print -quit 2>/dev/null)
    [[ -n $fd ]] || continue
    fd=${fd#/proc/}
    printf '%s %s\n' "${fd%%/*}" "$(cat "/proc/${fd%%/*}/comm" 2>/dev/null)"
    return
  done < <(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v hex="$hex" '$4 == "0A" && substr($2, length($2) - 4) == hex { print $10 }')
}

doctor_port() {
  local port holder name pids=" "
  port=${OPT_PORT:-$(settings_get TB_PORT "${TB_PORT:-8080}")}
  holder=$(port_holder "$port")
  for name in gateway-1 gateway-2; do pids+="$(service_pid "$name" 2>/dev/null || true) "; done
  if ! port_is_taken "$port"; then
    if [[ $DOCTOR_RUNS == yes ]]; then
      doctor_note FAIL port "nobody listens on port $port: the gateway does not serve" "./tulip logs gateway$(data_hint)"
    else
      doctor_note ok port "port $port is free"
    fi
  elif [[ $DOCTOR_RUNS == yes && -n $holder && $pids == *" ${holder%% *} "* ]]; then
    doctor_note ok port "port $port is held by our gateway (process ${holder%% *})"
  else
    doctor_note FAIL port "port $port is taken by another program${holder:+ (process ${holder/ /, })}" "Use another one: ./tulip up --port $((port < 65535 ? port + 1 : 8080)), or end that program."
  fi
}

# --- the database ---

# doctor_ask SQL: the answer, as the audit's role; what psql complains of goes to standard error. Return: false when there is none within ten seconds.
doctor_ask() {
  PGUSER=tb_audit PGOPTIONS='-c statement_timeout=5s' timeout 10 "$PG_BIN/psql" -X -d "$(database_url)" -qAt -v ON_ERROR_STOP=1 -c "$1"
}

doctor_database() {
  local before theirs after off
  if [[ $DOCTOR_RUNS != yes ]]; then
    doctor_note skip database "not running"
    return
  fi
  before=$(date +%s%3N)
  if ! theirs=$(doctor_ask "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint" 2>&1); then
    theirs=$(sed -n 's/.*\(FATAL: .*\)/\1/p' <<<"$theirs" | head -n 1)
    doctor_note FAIL database "it does not answer${theirs:+: $theirs}" "docs/RUNBOOK.md, \"PostgreSQL is down\". Its log: ./tulip logs postgres$(data_hint)"
    return
  fi
  after=$(date +%s%3N)
  doctor_note ok database "it answers within $((after - before)) ms"
  off=0
  ((theirs >= before)) || off=$((theirs - before))
  ((theirs <= after)) || off=$((theirs - after))
  if ((off > DOCTOR_CLOCK_MAX_MS || off < -DOCTOR_CLOCK_MAX_MS)); then
    doctor_note FAIL database-clock "it is $off ms away from ours" "Keep both machines' clocks right (chrony)."
  elif (($(doctor_ask "SELECT coalesce(greatest((extract(epoch FROM (SELECT max(created_at) FROM (SELECT created_at FROM orders ORDER BY seq DESC LIMIT 100) o) - clock_timestamp()))::bigint, 0), 0)" 2>/dev/null || echo 0) > 2)); then
    doctor_note FAIL database-clock "the newest orders are from the future: the clock was set back after they came" "docs/RUNBOOK.md, \"The clock is wrong\"."
  else
    doctor_note ok database-clock "the same as ours"
  fi
  doctor_migrations
}

doctor_migrations() {
  local folder name number checksum known=0 applied missing=() changed=()
  applied=$(doctor_ask "SELECT number || ' ' || name || ' ' || checksum FROM schema_migrations ORDER BY number" 2>/dev/null) || {
    doctor_note FAIL migrations "which are applied cannot be read" "./tulip migrate$(data_hint)"
    return
  }
  for folder in "$TULIP_HOME"/sql/[0-9][0-9][0-9][0-9]_*/; do
    name=$(basename "$folder")
    number=$((10#${name%%_*}))
    known=$number
    checksum=$(sha256sum <"$folder/up.sql")
    if ! grep -q "^$number " <<<"$applied"; then
      missing+=("$name")
    elif ! grep -qx "$number $name ${checksum%% *}" <<<"$applied"; then
      changed+=("$name")
    fi
  done
  if ((${#changed[@]} > 0)); then
    doctor_note FAIL migrations "changed after they were applied: ${changed[*]}" "Restore those files as they were: git checkout -- sql"
  elif ((${#missing[@]} > 0)); then
    doctor_note FAIL migrations "not applied: ${missing[*]}" "./tulip migrate$(data_hint)"
  elif (($(tail -n 1 <<<"$applied" | cut -d ' ' -f 1) > known)); then
    doctor_note FAIL migrations "the database was used by a newer version" "Use that version."
  else
    doctor_note ok migrations "all $(wc -l <<<"$applied") are applied, unchanged"
  fi
}

# --- the actors ---

doctor_actors() {
  local seen bad restarted alarm
  if [[ $DOCTOR_RUNS != yes ]]; then
    doctor_note skip heartbeats "not running"
    return
  fi
  if [[ ! -x $BIN/tb-console ]]; then
    doctor_note FAIL heartbeats "$BIN/tb-console is not built" "./tulip up builds it."
    return
  fi
  console_words top
  seen=$(as_service "$BIN/tb-console" "${CONSOLE_WORDS[@]}" top --once --json 2>/dev/null) || true
  bad=$(jq -r '[.actors[] | select((.state | test("^(leader|ready|standby)$")) | not) | "\(.name)/\(.instance) is \(.state)"] | join("; ")' <<<"$seen" 2>/dev/null) || bad="their telemetry cannot be read"
  [[ -n $seen ]] || bad="nobody was heard of"
  if [[ -n $bad ]]; then
    doctor_note FAIL heartbeats "$bad" "See why: ./tulip logs ACTOR$(data_hint), and docs/RUNBOOK.md, \"An actor is dead\"."
  else
    doctor_note ok heartbeats "$(jq -r '[.actors[] | "\(.name)/\(.instance) \(.state)"] | join(", ")' <<<"$seen")"
  fi
  restarted=$(jq -r '[.actors[]? | select((.restarts // 0) > 0) | "\(.name)/\(.instance) \(.restarts)x"] | join(", ")' <<<"$seen" 2>/dev/null) || true
  [[ -z $restarted ]] || doctor_note warn restarts "$restarted since \"up\"" "./tulip status$(data_hint) shows how each ended last."
  while IFS=$'\t' read -r alarm detail; do
    [[ -z $alarm ]] || doctor_note warn "alarm-$alarm" "$detail" "docs/RUNBOOK.md, \"$alarm\"."
  done < <(jq -r '(.alarms[]? | [.id, .message]), (.cues[]? | select(.active) | [.id, (.message // "active")]) | @tsv' <<<"$seen" 2>/dev/null)
}

# Processes of this instance that the supervisor does not know.
doctor_orphans() {
  local pid known=" " name exe orphans=()
  [[ -e $DATA/layout ]] || return 0
  for name in $(service_names); do known+="$(service_pid "$name" || true) "; done
  for pid in /proc/[0-9]*; do
    pid=${pid#/proc/}
    exe=$(cat "/proc/$pid/comm" 2>/dev/null) || continue
    case $exe in
      tb-console | tb-bench*) continue ;;
      tb-*)
        tr '\0' '\n' 2>/dev/null <"/proc/$pid/environ" | grep -qx "TB_RUN_DIR=$RUN_DIR" 2>/dev/null || continue
        ;;
      postgres)
        [[ $(readlink "/proc/$pid/cwd" 2>/dev/null) == "$CLUSTER" ]] || continue
        [[ $(cat "/proc/$(awk '{ print $4 }' "/proc/$pid/stat" 2>/dev/null)/comm" 2>/dev/null) != postgres ]] || continue # a child of its server
        ;;
      *) continue ;;
    esac
    [[ $known == *" $pid "* ]] || orphans+=("$exe ($pid)")
  done
  if ((${#orphans[@]} == 0)); then
    doctor_note ok orphans "none"
  else
    doctor_note FAIL orphans "processes of this instance that nobody supervises: ${orphans[*]}" "./tulip down$(data_hint); end what is left by its number: kill NUMBER"
  fi
}

doctor_logs() {
  local name file since count=0 last="" found postgres_since
  [[ -d $LOGS ]] || return 0
  since=$(date -u -d "-$DOCTOR_LOG_MINUTES minutes" +%Y-%m-%dT%H:%M:%S)
  postgres_since=${since/T/ }
  for name in $(service_names); do
    file=$LOGS/$name/current
    [[ -r $file ]] || continue
    if [[ $name == postgres ]]; then
      found=$(tail -n 2000 -- "$file" | awk -v since="$postgres_since" '/ (ERROR|FATAL|PANIC): / && substr($0, 1, 19) >= since')
    else
      found=$(tail -n 5000 -- "$file" | grep -F '"level":"error"' | jq -r --arg since "$since" 'select(.ts >= $since) | "\(.ts) \(.actor)/\(.instance): \(.message)"' 2>/dev/null) || true
    fi
    [[ -n $found ]] || continue
    count=$((count + $(wc -l <<<"$found")))
    last=$(tail -n 1 <<<"$found" | cut -c 1-160)
  done
  if ((count == 0)); then
    doctor_note ok logs "no errors in the last $DOCTOR_LOG_MINUTES minutes"
  else
    doctor_note warn logs "$count errors in the last $DOCTOR_LOG_MINUTES minutes, the last: $last" "./tulip logs$(data_hint)"
  fi
}

doctor_backup() {
  local note when hours
  [[ -e $DATA/layout ]] || return 0
  if [[ ! -r $DATA/last_backup ]]; then
    doctor_note warn backup "there never was one" "./tulip backup DIR$(data_hint) (docs/RUNBOOK.md, \"Backup and restore\")"
    return
  fi
  note=$(<"$DATA/last_backup")
  when=$(date -d "${note%% *}" +%s 2>/dev/null || echo 0)
  hours=$((($(date +%s) - when) / 3600))
  if ((hours > DOCTOR_BACKUP_HOURS)); then
    doctor_note warn backup "the last one is $hours hours old (${note#* })" "./tulip backup DIR$(data_hint)"
  else
    doctor_note ok backup "the last one is $hours hours old (${note#* })"
  fi
}

# --- the report ---

doctor_text() {
  local i failed=0 warned=0
  for i in "${!DOCTOR_IDS[@]}"; do
    printf '%-5s %-15s %s\n' "${DOCTOR_STATES[i]}" "${DOCTOR_IDS[i]}" "${DOCTOR_DETAILS[i]}"
    [[ -z ${DOCTOR_REMEDIES[i]} ]] || printf '%-21s -> %s\n' "" "${DOCTOR_REMEDIES[i]}"
    [[ ${DOCTOR_STATES[i]} != FAIL ]] || failed=$((failed + 1))
    [[ ${DOCTOR_STATES[i]} != warn ]] || warned=$((warned + 1))
  done
  if ((failed > 0)); then
    say "$failed of ${#DOCTOR_IDS[@]} checks FAILED, $warned warned"
  else
    say "all is well: ${#DOCTOR_IDS[@]} checks, $warned warnings"
  fi
}

doctor_json() {
  local i
  for i in "${!DOCTOR_IDS[@]}"; do
    jq -cn --arg id "${DOCTOR_IDS[i]}" --arg status "${DOCTOR_STATES[i]}" --arg detail "${DOCTOR_DETAILS[i]}" --arg remedy "${DOCTOR_REMEDIES[i]}" \
      '{id: $id, status: ($status | ascii_upcase), detail: $detail, remedy: (if $remedy == "" then null else $remedy end)}'
  done | jq -s '{ok: all(.[]; .status != "FAIL"), checks: .}'
}
