# shellcheck shell=bash
# install: the Debian packages the project needs. Only what is missing is asked for; with nothing missing apt is not touched.

# The images of docker-compose.yml are built with the first of these.
PACKAGES_BUILD=(gcc libc6-dev cmake ninja-build pkg-config libczmq-dev libprotobuf-c-dev protobuf-c-compiler libpq-dev libev-dev
  libhttp-parser-dev libwslay-dev libjansson-dev libinih-dev libpng-dev libjpeg62-turbo-dev libseccomp-dev uthash-dev check)
PACKAGES_UP=("${PACKAGES_BUILD[@]}" s6 postgresql-15 curl jq procps)
PACKAGES_TEST=(clang-tidy clang-format shellcheck git)
PACKAGES_TEST_UI=(chromium) # node and npm: ui.sh

package_is_there() {
  local state
  state=$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) && [[ $state == installed ]]
}

# install_missing PACKAGE…
install_missing() {
  local package missing=() become=() log
  command -v dpkg-query >/dev/null || {
    warn "this is no Debian: these have to be there already: $*"
    return 0
  }
  for package in "$@"; do
    package_is_there "$package" || missing+=("$package")
  done
  ((${#missing[@]} > 0)) || return 0
  if ((EUID != 0)); then
    command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [[ -t 0 ]]; } ||
      fail "packages are missing, and installing them takes root: ${missing[*]}" "As root: apt-get install -y --no-install-recommends ${missing[*]}"
    become=(sudo)
  fi
  say "installing ${missing[*]}"
  log=$(mktemp)
  if ! install_with_apt "${missing[@]}" >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    rm -f "$log"
    fail "apt could not install: ${missing[*]}" "Try by hand: apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
  fi
  rm -f "$log"
}

install_with_apt() {
  local apt=(${become[@]+"${become[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120)
  "${apt[@]}" update || return
  if [[ " $* " == *" postgresql-15 "* ]]; then
    # Debian's package starts a cluster of its own when it is installed. We make a private one, so it need not.
    "${apt[@]}" install --no-install-recommends postgresql-common || return
    ${become[@]+"${become[@]}"} sed -i 's/^#\?create_main_cluster *=.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf || return
  fi
  "${apt[@]}" install --no-install-recommends "$@"
}

# promtool_fetch: puts promtool where the tests look for it. Its package, prometheus, starts a server when it is installed: only the one
# program is taken out of it.
promtool_fetch() {
  local dir=$TULIP_HOME/build/tools place
  [[ ! -x $dir/promtool ]] && ! command -v promtool >/dev/null || return 0
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || {
    warn "promtool is not there: /metrics is not checked with it"
    return 0
  }
  say "fetching promtool"
  place=$(mktemp -d)
  mkdir -p "$dir"
  if ! (
    cd "$place" &&
      { apt-get -q download prometheus || { apt-get -q update && apt-get -q download prometheus; }; } >log 2>&1 &&
      dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x -O ./usr/bin/promtool >"$dir/promtool.part" &&
      chmod +x "$dir/promtool.part" && mv "$dir/promtool.part" "$dir/promtool"
  ); then
    tail -n 5 "$place/log" >&2
    rm -rf "$place"
    fail "promtool could not be fetched" "Try by hand: apt-get update && apt-get download prometheus; or put a promtool into the PATH."
  fi
  rm -rf "$place"
}
