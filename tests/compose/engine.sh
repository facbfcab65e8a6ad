# shellcheck shell=bash
# engine: a Docker engine, Compose, and the image that all others are built from; as they are where they are, Debian's and made here where they
# are not. What cannot be had is said with skip. To be sourced by run, which has SCRATCH, skip and wait_for.

DOCKERD="" FORWARDED=0 BASE=debian:bookworm-slim
ENGINE_PACKAGES=(docker.io docker-compose debootstrap iptables iproute2)

engine_is_up() {
  docker info >/dev/null 2>&1
}

# Effect: an engine answers: the one that runs, or one of our own, which engine_stop ends.
engine_start() {
  ! engine_is_up || return 0
  ((EUID == 0)) || skip "no Docker engine answers, and starting one takes root"
  if ! command -v dockerd >/dev/null || ! command -v docker-compose >/dev/null; then
    engine_install
    ! wait_for 5 engine_is_up || return 0 # the package has started it
  fi
  iptables-save >"$SCRATCH/iptables" 2>/dev/null
  FORWARDED=$(</proc/sys/net/ipv4/ip_forward)
  rm -f /var/run/docker.pid # of one that was killed: nobody answers
  setsid dockerd >"$SCRATCH/dockerd.log" 2>&1 </dev/null &
  DOCKERD=$!
  wait_for 60 engine_has_come_or_gone && engine_is_up ||
    skip "dockerd does not start here: $(grep -m 1 -E 'failed to start|level=(fatal|error)' "$SCRATCH/dockerd.log" || tail -n 1 "$SCRATCH/dockerd.log")"
}

engine_has_come_or_gone() {
  engine_is_up || ! kill -0 "$DOCKERD" 2>/dev/null
}

engine_install() {
  command -v apt-get >/dev/null || skip "there is no Docker engine, and this is no Debian to install one on"
  { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "${ENGINE_PACKAGES[@]}"; } \
    >"$SCRATCH/apt.log" 2>&1 </dev/null || skip "Debian's Docker cannot be installed: $(tail -n 1 "$SCRATCH/apt.log")"
}

# Effect: the engine that we started ends, and the network is as it was before. Images stay, as the next build's cache.
engine_stop() {
  [[ -n $DOCKERD ]] || return 0
  kill "$DOCKERD" 2>/dev/null
  wait "$DOCKERD" 2>/dev/null
  DOCKERD=""
  ip link del docker0 2>/dev/null
  {
    printf '%s\n' '*filter' ':INPUT ACCEPT' ':FORWARD ACCEPT' ':OUTPUT ACCEPT' COMMIT '*nat' COMMIT
    cat "$SCRATCH/iptables"
  } | iptables-restore 2>/dev/null
  printf '%s\n' "$FORWARDED" >/proc/sys/net/ipv4/ip_forward
}

# Effect: COMPOSE is the tool there is, V2 whether it is the second.
compose_find() {
  if docker compose version >/dev/null 2>&1; then
    COMPOSE=(docker compose) V2=yes
  elif command -v docker-compose >/dev/null; then
    COMPOSE=(docker-compose) V2=no
  else
    skip "neither docker compose nor docker-compose is there"
  fi
}

# Effect: TULIP_BASE is what images are built from, as the environment says, or as base_adapt makes it of Debian 12.
base_make() {
  [[ -z ${TULIP_BASE-} ]] || return 0
  if ! docker image inspect "$BASE" >/dev/null 2>&1 && ! timeout 60 docker pull -q "$BASE" >/dev/null 2>&1; then
    base_bootstrap
  fi
  base_adapt
}

# Effect: makes Debian 12 where it cannot be pulled.
base_bootstrap() {
  ((EUID == 0)) || skip "$BASE cannot be pulled, and making it takes root"
  command -v debootstrap >/dev/null || engine_install
  debootstrap --variant=minbase bookworm "$SCRATCH/base" >"$SCRATCH/debootstrap.log" 2>&1 </dev/null ||
    skip "$BASE can neither be pulled nor made: $(tail -n 1 "$SCRATCH/debootstrap.log")"
  rm -rf "$SCRATCH"/base/var/cache/apt/archives/*.deb "$SCRATCH"/base/var/lib/apt/lists/* "$SCRATCH"/base/usr/share/{doc,man,locale}/*
  tar -C "$SCRATCH/base" -c . | docker import --change 'CMD ["bash"]' - "$BASE" >/dev/null || skip "$BASE cannot be imported"
  rm -rf "$SCRATCH/base"
}

# Effect: an image that trusts whom this machine trusts, so that apt and npm reach in it what they reach here (the package ca-certificates, when
# it comes, adds what lies in /usr/local); and, like Debian's own image, one in which dpkg does not sync every file.
base_adapt() {
  mkdir "$SCRATCH/context"
  cp -L /etc/ssl/certs/ca-certificates.crt "$SCRATCH/context/machine.crt" 2>/dev/null || : >"$SCRATCH/context/machine.crt"
  printf '%s\n' "FROM $BASE" 'COPY machine.crt /etc/ssl/certs/ca-certificates.crt' 'COPY machine.crt /usr/local/share/ca-certificates/' \
    'RUN echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/docker-apt-speedup' >"$SCRATCH/context/Dockerfile"
  docker build -q -t tulipbroker/test-base "$SCRATCH/context" >"$SCRATCH/base.log" 2>&1 || skip "the base image cannot be built on: $(tail -n 1 "$SCRATCH/base.log")"
  export TULIP_BASE=tulipbroker/test-base
}
