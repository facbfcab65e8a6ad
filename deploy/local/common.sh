# shellcheck shell=bash
# common: words to the user, and the instance: its directory, its paths, whose it is.
# An instance is one data directory: settings/ (TB_*, one file each), postgres/ (the cluster), service/ (what s6 supervises), log/, uploads/ (avatars), run/
# (sockets, restart counts), layout (the version of this arrangement), port, run_dir.

LAYOUT=1 # raise it when a newer launcher cannot work on an older directory, and teach instance_check to bring the older one forward
DISK_MIN_MIB=${TB_TEST_DISK_MIN_MIB:-512}
SERVICE_USER_DEFAULT=tulipbroker
SOCKET_PATH_MAX=107 # bytes: the limit of a unix socket's path
SOCKET_NAME_MAX=40  # the longest name we give one, with its slash

say() {
  printf '%s\n' "$*"
}

warn() {
  printf 'tulip: %s\n' "$*" >&2
}

# fail WHAT [REMEDY…]: says what is wrong and what helps, a line each, and ends with 1.
fail() {
  printf 'tulip: %s\n' "$1" >&2
  shift
  (($# == 0)) || printf '       %s\n' "$@" >&2
  exit 1
}

# wait_for SECONDS COMMAND…: whether the command succeeds before the deadline. Looks ten times a second.
wait_for() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

# instance_open DIR: sets the paths of the instance and the user it runs as. Changes nothing.
instance_open() {
  [[ $1 != *$'\n'* ]] || fail "the data directory's name has a line break in it"
  DATA=$(readlink -m -- "$1")
  SETTINGS=$DATA/settings CLUSTER=$DATA/postgres SERVICES=$DATA/service LOGS=$DATA/log
  RUN_DIR=$(instance_run_dir)
  BUILD=${TB_BUILD_DIR:-$TULIP_HOME/build/release}
  BIN=$BUILD/bin
  service_user_find
}

# Where the sockets are: DATA/run, unless their paths would be too long there.
instance_run_dir() {
  local LC_ALL=C digest
  if ((${#DATA} + 4 + SOCKET_NAME_MAX <= SOCKET_PATH_MAX)); then
    printf '%s/run' "$DATA"
  else
    digest=$(printf '%s' "$DATA" | sha256sum)
    printf '/tmp/tulip-%s' "${digest:0:16}"
  fi
}

# SERVICE_USER: whom the data belongs to; for new data ourselves, and never root.
service_user_find() {
  service_user_choose
  if [[ -e $DATA/layout ]]; then
    SERVICE_USER=$(stat -c %U -- "$DATA")
  elif [[ -d $DATA && ! -x $DATA ]]; then
    SERVICE_USER=$(stat -c %U -- "$DATA")
  fi
  [[ $SERVICE_USER != root ]] || fail "$DATA belongs to root, and nothing here runs as root" "Use another --data directory."
  if ((EUID != 0)) && [[ $SERVICE_USER != $(id -un) ]]; then
    fail "$DATA belongs to the user $SERVICE_USER" "Run this as $SERVICE_USER or with sudo, or use another --data directory."
  fi
  AS_SERVICE=()
}

# Effect: SERVICE_USER is who runs what nobody owns yet: us, or the system user when we are root.
service_user_choose() {
  SERVICE_USER=$(id -un)
  ((EUID != 0)) || SERVICE_USER=$SERVICE_USER_DEFAULT
}

# Effect: makes the system user where it is missing, and AS_SERVICE the words that run a command as that user. Below a directory that
# only root may enter (a clone in /root) the user gets the capability to pass, and with it to read, but none to write.
service_user_prepare() {
  ((EUID == 0)) || return 0
  if ! getent passwd "$SERVICE_USER" >/dev/null; then
    useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$SERVICE_USER" ||
      fail "the system user $SERVICE_USER could not be made" "Make it by hand: useradd --system $SERVICE_USER"
  fi
  AS_SERVICE=(setpriv "--reuid=$SERVICE_USER" "--regid=$(id -gn "$SERVICE_USER")" --init-groups --no-new-privs --)
  local place
  for place in "$DATA" "$TULIP_HOME/deploy/local" "$BIN"; do
    while [[ ! -e $place ]]; do place=$(dirname "$place"); done
    if ! "${AS_SERVICE[@]}" test -x "$place/."; then
      # The securebit lets access(2), which asks for the real user, see that capability as well: s6-svstat calls it.
      AS_SERVICE=("${AS_SERVICE[@]:0:5}" --inh-caps=+dac_read_search --ambient-caps=+dac_read_search --securebits=+no_setuid_fixup --)
      # A container's root may not have that capability itself.
      "${AS_SERVICE[@]}" test -x "$place/." 2>/dev/null ||
        fail "the user $SERVICE_USER cannot enter $place, and this machine does not let root allow it" \
          "Put the clone where others may go, for instance below /srv, or use --data DIR there."
      return
    fi
  done
}

as_service() {
  ${AS_SERVICE[@]+"${AS_SERVICE[@]}"} "$@"
}

# Files for the instance are written aside first and handed over together: a process or two, however many files.
stage_begin() {
  STAGE=$(mktemp -d)
}

# stage FILE TEXT: FILE (below DATA) will be TEXT and a line end.
stage() {
  local path=$STAGE/$1
  [[ -d ${path%/*} ]] || mkdir -p "${path%/*}"
  (umask 077 && printf '%s\n' "$2" >"$path")
}

# stage_script FILE LINE…: the same for a shell script.
stage_script() {
  local file=$1
  shift
  stage "$file" "$(printf '%s\n' '#!/bin/sh' "$@")"
  STAGE_SCRIPTS+=("$STAGE/$file")
}

# Effect: what was staged takes its place, as the service user's.
stage_end() {
  ((${#STAGE_SCRIPTS[@]} == 0)) || chmod 0700 "${STAGE_SCRIPTS[@]}"
  tar -C "$STAGE" -cf - . | as_service tar -C "$DATA" --no-same-owner --no-overwrite-dir -xf -
  rm -rf "$STAGE"
  STAGE_SCRIPTS=()
}
STAGE="" STAGE_SCRIPTS=()

# Effect: refuses data that is not ours to use, in clear words.
instance_check() {
  [[ -e $DATA ]] || return 0
  [[ -d $DATA ]] || fail "$DATA is not a directory" "Use another --data directory."
  if [[ ! -e $DATA/layout ]]; then
    [[ -z $(ls -A -- "$DATA") ]] || fail "$DATA is not empty and no data directory of TulipBroker" "Use another --data directory."
    return 0
  fi
  local layout
  layout=$(<"$DATA/layout")
  [[ $layout =~ ^[0-9]+$ ]] || fail "$DATA/layout is damaged: \"$layout\" is no number"
  if ((layout > LAYOUT)); then
    fail "$DATA was made by a newer TulipBroker (layout $layout, this one knows $LAYOUT)" "Use that version, or another --data directory."
  fi
  local region
  region=$(settings_get TB_REGION "")
  [[ -z $region || -z ${TB_REGION-} || $region == "$TB_REGION" ]] ||
    fail "$DATA is of region $region, not of $TB_REGION" "Unset TB_REGION, or use another --data directory."
  postgres_check_version
}

# Effect: makes the directory and its parts.
instance_create() {
  mkdir -p -- "$DATA" || fail "$DATA cannot be made" "Use another --data directory."
  if ((EUID == 0)); then
    chown -- "$SERVICE_USER:" "$DATA"
  fi
  as_service chmod 0700 -- "$DATA"
  as_service mkdir -p -- "$SETTINGS" "$LOGS" "$DATA/run" "$DATA/uploads"
  if [[ $RUN_DIR != "$DATA/run" ]]; then
    # A directory of ours in /tmp: made by nobody else, entered by nobody else.
    as_service mkdir -m 0700 -- "$RUN_DIR" 2>/dev/null || true
    [[ -d $RUN_DIR && ! -L $RUN_DIR && $(stat -c '%U %a' -- "$RUN_DIR") == "$SERVICE_USER 700" ]] ||
      fail "$RUN_DIR, needed for sockets, is in someone else's hands" "Use a --data directory with a shorter path."
  fi
  stage_begin
  stage layout "$LAYOUT"
  stage run_dir "$RUN_DIR"
  stage_end
}

# Effect: one launcher at a time changes an instance. The lock is file descriptor 9; what we start in the background must close it.
instance_lock() {
  as_service touch -- "$DATA/lock"
  exec 9<"$DATA/lock"
  flock -w 120 9 || fail "another ./tulip is just working on $DATA"
}

instance_unlock() {
  exec 9<&-
}

# Effect: refuses to start on a nearly full disk.
disk_check() {
  local place=$DATA free_mib
  while [[ ! -e $place ]]; do place=$(dirname "$place"); done
  free_mib=$(($(df -Pk -- "$place" | awk 'NR == 2 { print $4 }') / 1024))
  ((free_mib >= DISK_MIN_MIB)) ||
    fail "no space: $free_mib MiB are free where $DATA lies, at least $DISK_MIN_MIB are needed" "Free some, or use --data DIR on another disk."
}

# Whether someone listens on a TCP port, as the kernel's own table says (no tool needed).
port_is_taken() {
  local hex
  hex=$(printf ':%04X' "$1")
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v hex="$hex" '$4 == "0A" && substr($2, length($2) - 4) == hex { found = 1 } END { exit !found }'
}

# Whether nobody but our gateways listens on the port: it is shared among them (SO_REUSEPORT), and the kernel would share it with another
# instance's that was started in the same moment.
port_is_ours() {
  local hex inode name pid ours
  hex=$(printf ':%04X' "$PORT")
  ours=$(for name in "$SERVICES"/gateway-*; do
    pid=$(service_pid "${name##*/}") && find "/proc/$pid/fd" -lname 'socket:*' -printf '%l\n' 2>/dev/null
  done)
  while read -r inode; do
    [[ $ours == *"socket:[$inode]"* ]] || return 1
  done < <(awk -v hex="$hex" '$4 == "0A" && substr($2, length($2) - 4) == hex { print $10 }' /proc/net/tcp /proc/net/tcp6 2>/dev/null)
}

port_check() {
  [[ $PORT =~ ^[1-9][0-9]{0,4}$ ]] && ((PORT <= 65535)) || wrong_usage "$PORT is not a port (1 to 65535)"
  ! port_is_taken "$PORT" ||
    fail "port $PORT is taken by another program" "Use another one: ./tulip up --port $((PORT < 65535 ? PORT + 1 : 8080))   (ss -ltnp shows who has it)"
}
