# shellcheck shell=bash
# backup: a copy of an instance, taken while it works, and a new instance made of one. The copy is pg_basebackup's (with the WAL it needs,
# checked by pg_verifybackup) and what else lies in the data directory; not the logs.

BACKUP_LEFT_OUT=(postgres postgres.new run service log lock run_dir database_url last_backup)

# backup DIR: DIR is made; it must not be there, or be empty.
backup_command() {
  local to entry
  to=$(readlink -m -- "$1")
  instance_must_run_or_3
  postgres_is_private || fail "the database is not ours: TB_DATABASE_URL names another one" "Back that one up with its own means (pg_basebackup, pg_dump)."
  [[ ! -e $to || -z $(ls -A -- "$to" 2>/dev/null) ]] || fail "$to is not empty" "Name a directory that is not there yet."
  [[ $to != "$DATA"* ]] || fail "$to lies in $DATA itself" "A backup belongs on another disk."
  postgres_answers || fail "the database in $DATA is not running" "Start it: ./tulip up$(data_hint)"
  mkdir -p -- "$to" && chmod 0700 -- "$to" || fail "$to cannot be made"
  ((EUID != 0)) || chown -- "$SERVICE_USER:" "$to"
  if ! PGHOST=$RUN_DIR PGUSER=$SERVICE_USER as_service "$PG_BIN/pg_basebackup" -D "$to/postgres" -X stream -c fast --no-password; then
    backup_failed "$to"
  fi
  as_service "$PG_BIN/pg_verifybackup" -q "$to/postgres" || backup_failed "$to"
  for entry in "$DATA"/*; do
    [[ " ${BACKUP_LEFT_OUT[*]} " == *" ${entry##*/} "* ]] || as_service cp -a -- "$entry" "$to/"
  done
  stage_begin
  stage last_backup "$(date -u +%Y-%m-%dT%H:%M:%SZ) $to"
  stage_end
  say "backed up to $to ($(du -sh -- "$to" | cut -f 1))"
}

backup_failed() {
  as_service rm -rf -- "$1/postgres"
  fail "the backup failed; nothing of it is left in $1/postgres" "pg_basebackup's own words are above. \"no pg_hba.conf entry\": the instance was started by an older version; ./tulip down and up once."
}

# restore DIR: makes the instance in --data, which must not be there yet, of a backup; "up" then starts it.
restore_command() {
  local from entry
  from=$(readlink -m -- "$1")
  [[ -r $from/layout && -r $from/postgres/PG_VERSION ]] || fail "$from is no backup of TulipBroker" "./tulip backup DIR makes one."
  [[ ! -e $DATA || -z $(ls -A -- "$DATA" 2>/dev/null) ]] || fail "$DATA is not empty: nothing is ever overwritten" "Name a --data directory that is not there yet."
  (($(<"$from/layout") <= LAYOUT)) || fail "$from was made by a newer TulipBroker" "Use that version."
  [[ $(<"$from/postgres/PG_VERSION") == "$PG_MAJOR" ]] || fail "$from was made by PostgreSQL $(<"$from/postgres/PG_VERSION"), this TulipBroker runs $PG_MAJOR"
  service_user_prepare
  "$PG_BIN/pg_verifybackup" -q "$from/postgres" || fail "$from is damaged (pg_verifybackup's words are above)" "Take an older backup."
  instance_create
  for entry in "$from"/*; do
    cp -a -- "$entry" "$DATA/"
  done
  ((EUID != 0)) || chown -R -- "$SERVICE_USER:" "$DATA"
  say "restored into $DATA; start it: ./tulip up --data $(printf %q "$DATA")"
}
