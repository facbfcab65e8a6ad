# shellcheck shell=bash
# ui: the web page, from ui/ to ui/dist. Fetching (npm ci) runs no code of the packages; building runs it, and so does that as the service user when
# we are root. The page is worth having, but nothing depends on it: whatever goes wrong here is said, and the system starts without.

UI=$TULIP_HOME/ui
UI_NODE=$TULIP_HOME/build/tools/node
UI_NODE_MIN=20.19
UI_FETCH_SECONDS=300 UI_BUILD_SECONDS=300

# Effect: ui/dist is what the sources say, or it is said why not. With TB_UI_DIR or TB_BUILD_DIR set (tests) what is there is taken as it is.
ui_build() {
  [[ -z ${TB_UI_DIR-} && -z ${TB_BUILD_DIR-} ]] || return 0
  if (ui_make); then return 0; fi
  if [[ -e $UI/dist/index.html ]]; then
    warn "the page is served as it was built before, everything else as it is now"
  else
    warn "starting without the page: the API and everything else work. ./tulip up tries again"
  fi
}

# In a subshell: fail ends it, and not the launcher.
ui_make() {
  local stamp
  stamp=$(ui_stamp)
  ! ui_is_current "$stamp" || return 0
  mkdir -p "$TULIP_HOME/build" 2>/dev/null && exec 8>"$TULIP_HOME/build/ui.lock" || ui_fail "$TULIP_HOME/build is not writable" "Run as the user who owns it."
  flock -w $((UI_FETCH_SECONDS + UI_BUILD_SECONDS)) 8 || ui_fail "another ./tulip has been building it for very long"
  ! ui_is_current "$stamp" || return 0 # another one was faster
  [[ -w $UI ]] || ui_fail "$UI is not writable" "Run as the user who owns it."
  ui_packages build
  say "building the page"
  ui_compile "$stamp"
}

# ui_fail WHY [REMEDY…]
ui_fail() {
  fail "the page could not be built: $1" "${@:2}"
}

# What dist is made of, as one number.
ui_stamp() {
  (cd "$UI" && find src public index.html package.json package-lock.json vite.config.ts -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum) | sha256sum | cut -c 1-32
}

ui_is_current() {
  [[ -e $UI/dist/index.html && $(cat "$TULIP_HOME/build/ui.stamp" 2>/dev/null) == "$1" ]]
}

# node is there, and not older than UI_NODE_MIN.
ui_node_is_new() {
  local version
  version=$(node --version 2>/dev/null) && [[ $version =~ ^v([0-9]+)\.([0-9]+)\. ]] &&
    ((BASH_REMATCH[1] * 1000 + BASH_REMATCH[2] >= ${UI_NODE_MIN%.*} * 1000 + ${UI_NODE_MIN#*.}))
}

# Effect: where the machine's node is too old, the one that was fetched comes first in this shell's PATH.
ui_use_node() {
  local bin
  ! ui_node_is_new || return 0
  for bin in "$UI_NODE"/node_modules/node-linux-*/bin; do # of this machine's kind; npm 9 makes no links to it
    [[ ! -x $bin/node ]] || PATH=$bin:$PATH
  done
}

# Effect: node and npm are there: Debian's where there are none, and where node is older than UI_NODE_MIN (Debian 12's is) one from npm beside it,
# which lies in build/tools and nobody else sees. What ui/node/package-lock.json says is fetched, and nothing of it run before it is used.
ui_install_node() {
  if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    (install_missing nodejs npm) || ui_fail "node and npm are missing"
  fi
  ui_use_node
  ! ui_node_is_new || return 0
  say "fetching Node: the machine's is $(node --version 2>/dev/null || echo "not there"), the page takes $UI_NODE_MIN"
  mkdir -p "$UI_NODE" && cp -- "$UI/node/package.json" "$UI/node/package-lock.json" "$UI_NODE/" || ui_fail "$UI_NODE is not writable"
  ui_npm_ci "$UI_NODE" "$TULIP_HOME/build/ui-node.log"
  ui_use_node
  ui_node_is_new || ui_fail "npm has no Node that runs here ($(uname -m))" "Install Node $UI_NODE_MIN or newer, so that node is in the PATH."
}

# ui_npm_ci DIRECTORY LOG [OPTION…]. Effect: its node_modules holds what its lock file says; no script of a package is run.
ui_npm_ci() {
  local directory=$1 log=$2
  shift 2
  (cd "$directory" && timeout "$UI_FETCH_SECONDS" npm ci "$@" --ignore-scripts --no-audit --no-fund --loglevel=warn --fetch-retries=1 \
    --fetch-retry-mintimeout=2000 --fetch-timeout=60000 </dev/null) >"$log" 2>&1 && return
  grep -E 'npm (ERR!|error)' "$log" | grep -vE 'complete log|^npm (ERR!|error)\s*$' | head -n 3 >&2 || tail -n 5 "$log" >&2
  if grep -qE 'ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|ECONNRESET|ERR_SOCKET_TIMEOUT' "$log"; then
    ui_fail "npm cannot reach its registry ($(npm config get registry 2>/dev/null))" "With a connection (or npm config set registry, proxy), run ./tulip up again. Built once, the page needs no network."
  fi
  ui_fail "npm ci did not end well; its whole output is $log" "Try by hand: cd $directory && npm ci"
}

# ui_packages build|test. Effect: node_modules holds what the lock file says: what the build needs, or the tests' tools as well.
ui_packages() {
  local wanted=$1 lock have omit=()
  ui_install_node
  lock=$(sha256sum <"$UI/package-lock.json" | cut -c 1-32)
  have=$(cat "$UI/node_modules/.tulip" 2>/dev/null) || have=""
  [[ $have != "$lock test" && $have != "$lock $wanted" ]] || return 0
  [[ $wanted == test ]] || omit=(--omit=dev)
  say "fetching the page's packages"
  ui_npm_ci "$UI" "$TULIP_HOME/build/ui-packages.log" ${omit[@]+"${omit[@]}"}
  printf '%s %s\n' "$lock" "$wanted" >"$UI/node_modules/.tulip"
}

# Effect: builds beside dist and changes places, so that a running system never serves half a page.
ui_compile() {
  local log=$TULIP_HOME/build/ui.log vite=(node node_modules/vite/bin/vite.js build --configLoader runner --logLevel warn --emptyOutDir)
  UI_WORK=$(mktemp -d "${TMPDIR:-/tmp}/tulip-ui-XXXXXX")
  trap 'rm -rf "$UI_WORK"' EXIT # this is a subshell's
  service_user_prepare
  ((EUID != 0)) || chown -- "$SERVICE_USER:" "$UI_WORK"
  (cd "$UI" && as_service env HOME="$UI_WORK" NODE_ENV=production timeout "$UI_BUILD_SECONDS" "${vite[@]}" --outDir "$UI_WORK/dist" </dev/null) >"$log" 2>&1 || {
    tail -n 15 "$log" >&2
    ui_fail "its whole output is $log"
  }
  [[ -e $UI_WORK/dist/index.html ]] || ui_fail "nothing came of it: $log"
  rm -rf "$UI/dist.new" "$UI/dist.old" && mkdir -p "$UI/dist" && cp -r --no-preserve=ownership "$UI_WORK/dist" "$UI/dist.new" &&
    chmod -R a+rX "$UI/dist.new" && mv "$UI/dist" "$UI/dist.old" && mv "$UI/dist.new" "$UI/dist" && rm -rf "$UI/dist.old" &&
    printf '%s\n' "$1" >"$TULIP_HOME/build/ui.stamp" || ui_fail "it could not be put into $UI/dist"
}
