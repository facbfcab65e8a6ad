# shellcheck shell=bash
# migrate: brings the schema up to date: sql/roles.sql, then every sql/NNNN_name/up.sql not applied yet, each in a transaction with its row in
# schema_migrations (a before.sql beside it, which only makes ready and may run again, goes before and outside of it), then the region, its seed
# personas and sql/grants.sql. One psql session under an advisory lock does it all, so two launchers may try at once. What was applied never
# changes: an up.sql whose checksum differs is refused.

sql_literal() {
  printf "'%s'" "${1//\'/\'\'}"
}

# The psql script of one migration.
migrate_one() {
  local folder=$1 name number checksum
  name=$(basename "$folder")
  number=$((10#${name%%_*}))
  checksum=$(sha256sum <"$folder/up.sql")
  checksum=${checksum%% *}
  cat <<END
SELECT count(*) > 0 AS applied, coalesce(bool_or(checksum <> '$checksum' OR name <> '$name'), false) AS changed FROM schema_migrations WHERE number = $number \\gset
\\if :changed
DO \$\$ BEGIN RAISE EXCEPTION 'migration $name was changed after it was applied: restore the file, and put the change into a new migration'; END \$\$;
\\endif
\\if :applied
\\else
$([[ ! -f $folder/before.sql ]] || printf '\\i %s' "$(sql_literal "$folder/before.sql")")
BEGIN;
\\i $(sql_literal "$folder/up.sql")
INSERT INTO schema_migrations (number, name, checksum) VALUES ($number, '$name', '$checksum');
COMMIT;
\\echo 'applied migration $name'
\\endif
END
}

# The psql script that gives each role the password that lies in the directory TB_DATABASE_PASSWORD_FILE under its name. psql reads the files
# itself: no password is in a command line or an environment.
migrate_passwords() {
  local dir=${TB_DATABASE_PASSWORD_FILE:-$(settings_get TB_DATABASE_PASSWORD_FILE "")} role
  [[ -d $dir ]] || return 0
  cat <<END
SELECT current_setting('is_superuser')::bool AS super \\gset
\\if :super
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = panic;
\\endif
SET password_encryption = 'scram-sha-256';
SELECT rolsuper OR rolcreaterole AS may FROM pg_roles WHERE rolname = current_user \\gset
\\if :may
END
  for role in "${DATABASE_ROLES[@]}"; do
    [[ -f $dir/$role ]] || continue
    printf '\\set password `head -n 1 %s`\n' "$(sh_quote "$dir/$role")"
    printf 'ALTER ROLE %s PASSWORD :%s;\n\\unset password\n' "$role" "'password'"
  done
  printf '\\endif\nRESET password_encryption;\n'
}

# The psql script that takes the lock, up to ten minutes long. It tries and sleeps in statements that end: one that waited for the lock would keep
# its snapshot, which an index that is made beside it (before.sql) would wait for in turn.
migrate_lock() {
  local try
  printf '%s\n' 'SELECT pg_try_advisory_lock(1953067120, 1) AS mine \gset'
  for ((try = 0; try < 1200; try++)); do
    printf '%s\n' '\if :mine' '\else' 'SELECT pg_sleep(0.5) \gset' 'SELECT pg_try_advisory_lock(1953067120, 1) AS mine \gset' '\endif'
  done
  printf '%s\n' '\if :mine' '\else' "DO \$\$ BEGIN RAISE EXCEPTION 'another launcher has been migrating this database for ten minutes'; END \$\$;" '\endif'
}

# The psql script of all of it.
migrate_script() {
  local region=$1 folder number last=0
  cat <<END
\\set ON_ERROR_STOP on
\\set QUIET on
\\set VERBOSITY terse
\\pset format unaligned
\\pset tuples_only on
SET client_min_messages = warning;
SET lock_timeout = '60s';
$(migrate_lock)
BEGIN;
\\i $(sql_literal "$TULIP_HOME/sql/roles.sql")
COMMIT;
$(migrate_passwords)
SET ROLE tb_owner;
CREATE TABLE IF NOT EXISTS schema_migrations (
  number int PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()
);
END
  for folder in "$TULIP_HOME"/sql/[0-9][0-9][0-9][0-9]_*/; do
    folder=${folder%/}
    [[ -f $folder/up.sql ]] || continue
    number=$(basename "$folder")
    number=$((10#${number%%_*}))
    ((number > last)) || fail "two migrations have the number $number" "Give one of them the next free number."
    last=$number
    migrate_one "$folder"
  done
  cat <<END
SELECT count(*) > 0 AS newer FROM schema_migrations WHERE number > $last \\gset
\\if :newer
DO \$\$ BEGIN RAISE EXCEPTION 'the database has migrations that this TulipBroker does not know: it was used by a newer version'; END \$\$;
\\endif
BEGIN;
SELECT region_create($(sql_literal "$region")) \\gset
SELECT to_regprocedure('persona_seed(text)') IS NOT NULL AS seeds \\gset
\\if :seeds
SELECT persona_seed($(sql_literal "$region")) \\gset
\\endif
COMMIT;
BEGIN;
\\i $(sql_literal "$TULIP_HOME/sql/grants.sql")
COMMIT;
END
}

# migrate_run REGION
migrate_run() {
  local script role="" failed=0
  script=$(migrate_script "$1")
  postgres_is_private && role=$SERVICE_USER
  psql_as "$role" -q -f - <<<"$script" || failed=$?
  ((failed == 0)) || fail "the schema could not be brought up to date; nothing of the failed migration is left"
}

migrate_command() {
  if postgres_is_private; then
    postgres_answers || fail "the database in $DATA is not running" "./tulip up starts it, and migrates by itself."
  fi
  postgres_wait
  migrate_run "${TB_REGION:-$(settings_get TB_REGION nl-1)}"
  say "the schema is up to date"
}
