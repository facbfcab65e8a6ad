# shellcheck shell=bash
# postgres: the instance's private cluster: made by initdb, reachable by unix socket only, who you are decided by the kernel (peer).
# With TB_DATABASE_URL set there is none, and that database is used. DATA/database_url names the one in force.

PG_MAJOR=15
PG_BIN=/usr/lib/postgresql/$PG_MAJOR/bin
DATABASE=tulip
DATABASE_ROLES=(tb_owner tb_gateway tb_sequencer tb_simfill tb_balance tb_persona tb_reconciler tb_audit)

# What "up" is given now decides; later commands go by what "up" was given.
postgres_is_private() {
  [[ -z ${TB_DATABASE_URL-} ]] && [[ ${COMMAND-} == up || ! -e $SETTINGS/TB_DATABASE_URL ]]
}

postgres_check_binaries() {
  [[ -x $PG_BIN/psql ]] || fail "no PostgreSQL $PG_MAJOR client in $PG_BIN" "As root: apt-get install -y --no-install-recommends postgresql-$PG_MAJOR"
  postgres_is_private || return 0
  [[ -x $PG_BIN/initdb && -x $PG_BIN/postgres ]] ||
    fail "no PostgreSQL $PG_MAJOR server in $PG_BIN" "As root: apt-get install -y --no-install-recommends postgresql-$PG_MAJOR"
}

postgres_check_version() {
  local made_by
  [[ -r $CLUSTER/PG_VERSION ]] || return 0
  made_by=$(<"$CLUSTER/PG_VERSION")
  [[ $made_by == "$PG_MAJOR" ]] ||
    fail "$CLUSTER was made by PostgreSQL $made_by, this TulipBroker runs $PG_MAJOR" "Bring it over with pg_upgrade, or use another --data directory."
}

# Effect: refuses a cluster that a server of someone else's is running on. Call it only while ours is stopped.
postgres_check_unused() {
  local pid
  [[ -r $CLUSTER/postmaster.pid ]] || return 0
  pid=$(head -n 1 "$CLUSTER/postmaster.pid")
  [[ $pid =~ ^[0-9]+$ && -r /proc/$pid/comm && $(<"/proc/$pid/comm") == postgres ]] || return 0
  [[ $(readlink "/proc/$pid/cwd") != "$CLUSTER" ]] ||
    fail "a PostgreSQL server (process $pid) that this launcher did not start is running on $CLUSTER" "Stop it first: $PG_BIN/pg_ctl -D $CLUSTER stop"
}

postgres_create() {
  local log=$LOGS/initdb.log
  if [[ ! -e $CLUSTER/PG_VERSION ]]; then
    say "creating the database cluster in $CLUSTER"
    # Made aside and renamed when finished: one that was interrupted is never taken for a cluster.
    as_service rm -rf -- "$CLUSTER.new"
    as_service env -i PATH=/usr/bin:/bin LC_ALL=C "$PG_BIN/initdb" -D "$CLUSTER.new" -U "$SERVICE_USER" --data-checksums --encoding=UTF8 --locale=C \
      --auth=peer --no-instructions </dev/null 2>&1 | as_service tee -- "$log" >/dev/null || {
      tail -n 10 "$log" >&2
      fail "initdb failed; its whole log is $log"
    }
    postgres_make_wal "$CLUSTER.new"
    as_service mv -- "$CLUSTER.new" "$CLUSTER"
  fi
}

# Result: megabytes free where the data is.
postgres_free_mib() {
  printf '%s\n' "$(($(df -Pk -- "$DATA" | awk 'NR == 2 { print $4 }') / 1024))"
}

# postgres_make_wal CLUSTER. Effect: gives a new cluster WAL segments to reuse from the start. Making one costs tens of milliseconds in the
# midst of commits, one per 16 MB: the first minutes had twice the p99 of later ones. Not where the disk is small. Without fsync, then all at once.
postgres_make_wal() {
  local fresh=$1 segments=24 number
  (($(postgres_free_mib) >= 8192)) || return 0
  for ((number = 0; number < segments; number++)); do
    printf "SELECT pg_logical_emit_message(false, 'tulip', 'next')\nSELECT pg_switch_wal()\n"
  done | as_service env -i PATH=/usr/bin:/bin LC_ALL=C "$PG_BIN/postgres" --single -F -c min_wal_size=1GB -D "$fresh" postgres >/dev/null 2>&1 &&
    as_service env -i PATH=/usr/bin:/bin LC_ALL=C "$PG_BIN/initdb" -S -D "$fresh" >/dev/null 2>&1 ||
    fail "the new cluster in $fresh could not be written to" "Is the disk well? Remove $fresh and try again."
}

# Effect: stages the cluster's configuration, as this version of ours wants it.
postgres_configure() {
  stage postgres/postgresql.conf "$(postgres_configuration)"
  stage postgres/pg_hba.conf "# Written by ./tulip up. Who you are is what the kernel says (peer); who may be which role is in pg_ident.conf.
local all all peer map=tulip
local replication all peer map=tulip"
  stage postgres/pg_ident.conf "$(postgres_ident)"
}

# The service user and root may be any of our roles; the service user is the superuser.
postgres_ident() {
  local who role
  for who in "$SERVICE_USER" root; do
    for role in "$SERVICE_USER" "${DATABASE_ROLES[@]}"; do
      printf 'tulip "%s" "%s"\n' "$who" "$role"
    done
  done
}

postgres_configuration() {
  local memory_mib free_mib buffers=256MB wal_min=1GB wal_max=4GB
  memory_mib=$(($(awk '/^MemTotal:/ { print $2 }' /proc/meminfo) / 1024))
  ((memory_mib >= 2048)) || buffers=$((memory_mib / 8 > 16 ? memory_mib / 8 : 16))MB
  free_mib=$(postgres_free_mib)
  ((free_mib >= 8192)) || wal_min=128MB wal_max=512MB
  cat <<END
# Written by ./tulip up, each time. Put your own settings into local.conf beside this file; they win.

# Reachable by this socket alone.
listen_addresses = ''
unix_socket_directories = '${RUN_DIR//\'/\'\'}'
max_connections = 60
cluster_name = 'tulip'
client_connection_check_interval = 500ms    # a dead client's locks are freed soon, and with them leadership

# What is committed stays committed.
fsync = on
full_page_writes = on
synchronous_commit = on
data_sync_retry = off

shared_buffers = $buffers
wal_buffers = 16MB
wal_compression = off
min_wal_size = $wal_min                     # kept and reused: making a new segment costs tens of milliseconds
max_wal_size = $wal_max
checkpoint_timeout = 15min
checkpoint_completion_target = 0.9
jit = off
max_parallel_workers_per_gather = 0
random_page_cost = 1.1

# Few tables, some with one row that changes thousands of times a second.
autovacuum_naptime = 15s
autovacuum_vacuum_cost_delay = 2ms
autovacuum_analyze_scale_factor = 0.1

logging_collector = off
log_line_prefix = '%m [%p] %u '
log_min_duration_statement = 1s
log_checkpoints = on
log_lock_waits = on
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
default_text_search_config = 'pg_catalog.simple'

include_if_exists = 'local.conf'
END
}

# Text made fit for a part of a URL.
url_encode() {
  local LC_ALL=C text=$1 out="" index letter
  for ((index = 0; index < ${#text}; index++)); do
    letter=${text:index:1}
    case $letter in
      [a-zA-Z0-9/._~-]) out+=$letter ;;
      *) out+=$(printf '%%%02X' "'$letter") ;;
    esac
  done
  printf '%s\n' "$out"
}

# Effect: stages the note of the database in force. The URL has no user: every process is the role that PGUSER says.
postgres_note_url() {
  if postgres_is_private; then
    stage database_url "postgresql:///$DATABASE?host=$(url_encode "$RUN_DIR")"
  else
    stage database_url "$TB_DATABASE_URL"
  fi
}

database_url() {
  if [[ -n ${TB_DATABASE_URL-} ]]; then
    printf '%s\n' "$TB_DATABASE_URL"
  elif [[ -r $DATA/database_url ]]; then
    cat -- "$DATA/database_url"
  else
    fail "there is no database in $DATA yet" "./tulip up makes it."
  fi
}

# The password of a role from TB_DATABASE_PASSWORD_FILE: the file, or the role's in that directory; nothing where there is none.
database_password() {
  local file=${TB_DATABASE_PASSWORD_FILE:-$(settings_get TB_DATABASE_PASSWORD_FILE "")}
  [[ ! -d $file ]] || file=$file/$1
  [[ ! -f $file ]] || head -n 1 -- "$file"
}

# psql_as ROLE ARGUMENTS…: psql on the database in force, without anybody's ~/.psqlrc. ROLE "" = whom the URL names.
psql_as() {
  local role=$1 url password
  url=$(database_url)
  shift
  password=$(database_password "${role:-${PGUSER-}}")
  [[ -z $password ]] || local -x PGPASSWORD=$password
  PGUSER=${role:-${PGUSER-}} "$PG_BIN/psql" -X -d "$url" "$@"
}

# psql_superuser DATABASE ARGUMENTS…: only on the private cluster.
psql_superuser() {
  PGUSER=$SERVICE_USER PGHOST=$RUN_DIR "$PG_BIN/psql" -X -d "$@"
}

# Whether it takes statements. A server whose log cannot be written (a full disk) takes connections and then stands still, so there is a limit.
postgres_answers() {
  PGUSER=$SERVICE_USER PGHOST=$RUN_DIR PGCONNECT_TIMEOUT=4 timeout 5 "$PG_BIN/psql" -X -d postgres -qAtc 'SELECT 1' >/dev/null 2>&1
}

# Effect: waits until the database takes statements, and makes our database in a new cluster.
postgres_wait() {
  if ! postgres_is_private; then
    local why
    why=$(psql_as "" -qAtc 'SELECT 1' 2>&1 >/dev/null) || fail "the database of TB_DATABASE_URL does not answer: ${why##*$'\n'}"
    return 0
  fi
  if ! wait_for 60 postgres_answers; then
    tail -n 8 "$LOGS/postgres/current" >&2
    fail "PostgreSQL did not come up within 60 s" "Its log is in $LOGS/postgres."
  fi
  if [[ $(psql_superuser postgres -qAtc "SELECT count(*) FROM pg_database WHERE datname = '$DATABASE'") == 0 ]]; then
    psql_superuser postgres -qc "CREATE DATABASE $DATABASE"
  fi
}

psql_command() {
  ! postgres_is_private || postgres_answers || fail "the database in $DATA is not running" "Start it: ./tulip up --data $DATA"
  local role=""
  postgres_is_private && role=tb_owner
  psql_as "$role" "$@"
}

audit_command() {
  [[ -x $BIN/tulip-audit ]] || fail "$BIN/tulip-audit is not built" "./tulip up builds it."
  ! postgres_is_private || postgres_answers || fail "the database in $DATA is not running" "Start it: ./tulip up --data $DATA"
  local url password
  url=$(database_url)
  password=$(database_password "${PGUSER:-tb_audit}")
  [[ -z $password ]] || local -x PGPASSWORD=$password
  PGUSER=${PGUSER:-tb_audit} "$BIN/tulip-audit" --database-url "$url" --region "${TB_REGION:-$(settings_get TB_REGION nl-1)}" "$@"
}
