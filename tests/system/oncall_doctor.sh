# shellcheck shell=bash
# oncall_doctor: the second half of oncall.sh, which sources it: everything that doctor looks at is broken once, and it has to name what is
# broken and what helps. Uses DATA, NOTHING, PLACE, port and the words of oncall.sh; the instance is down at the end.

# expect_ill WHAT DETAIL REMEDY: doctor fails and says both.
expect_ill() {
  doctor
  expect "$1" 1 "$2"
  expect "$1: what helps" 1 "-> $3"
}

owner_sql() {
  ./tulip psql --data "$DATA" -qc "$1"
}

# shellcheck disable=SC2317 # called by name
service_is() { # service_is NAME up|down
  [[ $(s6-svstat -o up "$DATA/service/$1") == "$([[ $2 == up ]] && echo true || echo false)" ]]
}

ill_actor() {
  s6-svc -d "$DATA/service/simfill-1"
  soon 200 service_is simfill-1 down
  expect_ill "an actor that was stopped" "simfill/1 has no process" "See why: ./tulip logs ACTOR"
  expect "an actor that was stopped: how to start it" 1 "s6-svc -u $DATA/service/NAME"
  expect "an actor that was stopped: not heard" 1 "simfill/1 is "
  s6-svc -u "$DATA/service/simfill-1"
  expect_that "it comes back" soon 300 is_ready "$port"
}

ill_permissions() {
  chmod 0755 "$DATA/postgres"
  expect_ill "a directory that others may enter" "may be entered by others (mode 755)" "chmod 0700 $DATA/postgres"
  chmod 0700 "$DATA/postgres"
  ((EUID == 0)) || { printf 'SKIPPED: a file of someone else (it needs root)\n' && return; }
  chown nobody "$DATA/log/simfill-1"
  expect_ill "a file of someone else" "belongs to nobody, not to" "chown -R "
  chown --reference="$DATA" "$DATA/log/simfill-1"
}

ill_database() {
  owner_sql "UPDATE schema_migrations SET checksum = 'x' || checksum WHERE number = 2"
  expect_ill "a migration that was changed" "changed after they were applied: 0002_sequencer" "Restore those files"
  owner_sql "UPDATE schema_migrations SET checksum = substr(checksum, 2), number = 902 WHERE number = 2"
  expect_ill "a migration that is missing" "not applied: 0002_sequencer" "./tulip migrate"
  owner_sql "UPDATE schema_migrations SET number = 2 WHERE number = 902"
  owner_sql "INSERT INTO schema_migrations SELECT 999, '0999_later', checksum FROM schema_migrations WHERE number = 2"
  expect_ill "a database that a newer version used" "used by a newer version" "Use that version."
  owner_sql "DELETE FROM schema_migrations WHERE number = 999"
}

ill_clock() {
  owner_sql "UPDATE orders SET created_at = created_at + interval '1 hour' WHERE seq = (SELECT max(seq) FROM orders)"
  expect_ill "a clock that was set back" "from the future" 'docs/RUNBOOK.md, "The clock is wrong"'
  owner_sql "UPDATE orders SET created_at = created_at - interval '1 hour' WHERE seq = (SELECT max(seq) FROM orders)"
}

ill_orphan() {
  local pid
  env -i PATH="$PATH" TB_RUN_DIR="$(<"$DATA/run_dir")" TB_INSTANCE=9 TB_DATABASE_URL="$(<"$DATA/database_url")" PGUSER=tb_persona \
    ${ASAN_OPTIONS:+"ASAN_OPTIONS=$ASAN_OPTIONS"} "$TB_BUILD_DIR/bin/tb-persona" >/dev/null 2>&1 &
  pid=$!
  soon 100 grep -qsz TB_INSTANCE=9 "/proc/$pid/environ"
  expect_ill "a process that nobody supervises" "tb-persona ($pid)" "./tulip down"
  kill "$pid"
  wait "$pid" 2>/dev/null
}

# Machine and directory, where nothing runs.
ill_places() {
  tulip doctor --data "$NOTHING" --port "$port"
  expect "a port that is taken" 1 "port $port is taken by another program (process"
  expect "a port that is taken: what helps" 1 "-> Use another one: ./tulip up --port $((port + 1))"
  if ((EUID == 0)) && mkdir "$PLACE/small" && mount -t tmpfs -o size=64m,nr_inodes=100 none "$PLACE/small" 2>/dev/null; then
    tulip doctor --data "$PLACE/small/data" --port 1
    expect "a disk that is too small" 1 "MiB are free where $PLACE/small/data lies"
    expect "a disk that is too small: what helps" 1 '-> Free some (docs/RUNBOOK.md, "Disk full")'
    expect "too few inodes" 1 "files can still be made"
    expect "too few inodes: what helps" 1 "-> Find where they are: du --inodes"
    umount "$PLACE/small"
  else
    printf 'SKIPPED: a disk that is too small (it needs root and mounts)\n'
  fi
  OUTPUT=$(ulimit -n 1024 && ./tulip doctor --data "$DATA" 2>&1) && CODE=0 || CODE=$?
  expect "too few descriptors" 1 "only 1024 open files"
  expect "too few descriptors: what helps" 1 "-> ulimit -n 65536"
  mkdir "$PLACE/newer" "$PLACE/older" "$PLACE/older/postgres" && echo 99 >"$PLACE/newer/layout"
  cp "$DATA/layout" "$PLACE/older/" && echo 11 >"$PLACE/older/postgres/PG_VERSION"
  ((EUID != 0)) || chown -R --reference="$DATA" "$PLACE/newer" "$PLACE/older" # nothing of ours belongs to root
  tulip doctor --data "$PLACE/newer" --port 1
  expect "data of a newer version" 1 "made by a newer TulipBroker (layout 99"
  expect "data of a newer version: what helps" 1 "-> Use that version"
  tulip doctor --data "$PLACE/older" --port 1
  expect "a cluster of another PostgreSQL" 1 "made by PostgreSQL 11, this TulipBroker runs"
  expect "a cluster of another PostgreSQL: what helps" 1 "-> Bring it over with pg_upgrade"
  rm -r "$PLACE/newer" "$PLACE/older"
}

ill_whole() {
  s6-svc -d "$DATA/service/postgres"
  soon 300 service_is postgres down
  expect_ill "a database that is away" "it does not answer" 'docs/RUNBOOK.md, "PostgreSQL is down"'
  s6-svc -u "$DATA/service/postgres"
  expect_that "it comes back, and all with it" soon 600 is_ready "$port"
  kill -9 "$(pgrep -f "^s6-svscan $DATA/service\$")"
  expect_ill "a supervisor that was killed" "s6-svscan was killed" "./tulip down"
  tulip down --data "$DATA"
  expect_ill "a system that is down" "not running" "./tulip up"
}

cases_of_illness() {
  ill_actor
  ill_permissions
  ill_database
  ill_clock
  ill_orphan
  ill_places
  ill_whole
}
