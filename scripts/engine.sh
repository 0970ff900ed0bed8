#!/usr/bin/env bash
# The Docker engine that builds run in.
#
#   scripts/engine.sh start     uses an engine that answers, else starts one; prints its DOCKER_HOST
#   scripts/engine.sh stop      stops the engine that `start` has started, and no other
#   scripts/engine.sh status    says which engine answers; exit code 1: none
#   scripts/engine.sh host      prints the DOCKER_HOST of the engine that answers; exit code 1: none
#
# An engine that is already there (DOCKER_HOST, /var/run/docker.sock) is used as it is. One that is
# started here keeps everything (data, sockets, process id) in BUILDSRS_CACHE, so all checkouts share
# it and its images. `start` prints a second line, `started`, when it is the caller's to stop.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

state="$cache/docker"
run="$state/run"
# The kernel allows 107 bytes for a socket's path, and containerd's are longer than ours.
if [ ${#run} -gt 70 ]; then run="/run/builds.rs-$(printf %s "$state" | sha256sum | cut -c 1-12)"; fi
own_socket="$run/docker.sock"
pid_file="$run/docker.pid"
log="$state/dockerd.log"

# answers SOCKET [SECONDS [as_root]]: whether an engine answers there. A starting engine accepts the
# connection and answers once it is ready, so this waits for exactly as long as needed.
answers() {
  [ -S "$1" ] && ${3:-} curl -fsS -o /dev/null --max-time "${2:-5}" --unix-socket "$1" http://docker/_ping 2>/dev/null
}

# current_socket: the socket of the engine that answers.
current_socket() {
  local named=${DOCKER_HOST:-} socket
  case $named in
    '' | unix://*) ;;
    *) fail "DOCKER_HOST is $named; builds need an engine on a Unix socket" "unset DOCKER_HOST, or set it to unix:///PATH" ;;
  esac
  for socket in "${named#unix://}" /var/run/docker.sock "$own_socket"; do
    if [ -n "$socket" ] && answers "$socket"; then
      printf '%s\n' "$socket"
      return 0
    fi
  done
  return 1
}

# own_pid: the process id of our own engine. A stale file may name another program's process.
own_pid() {
  local pid
  pid=$(cat "$pid_file" 2>/dev/null) && [ -n "$pid" ] || return 1
  { tr '\0' '\n' <"/proc/$pid/cmdline"; } 2>/dev/null | grep -qxF -- "--data-root=$state/data" || return 1
  printf '%s\n' "$pid"
}

other_engine_runs() { pgrep -x dockerd >/dev/null; }

# What a dockerd changes on the machine and leaves behind is noted before, and undone after.
note_network() {
  ip link show docker0 >/dev/null 2>&1 && return 0
  printf 'forward_policy=%s\nip_forward=%s\n' \
    "$(as_root iptables -S FORWARD | sed -nE 's/^-P FORWARD //p')" \
    "$(cat /proc/sys/net/ipv4/ip_forward)" >"$state/network-before"
}

# Removes docker0 and Docker's rules, when our engine made them and no other engine runs.
restore_network() {
  local forward_policy='' ip_forward='' table rule
  [ -f "$state/network-before" ] || return 0
  other_engine_runs && return 0
  # shellcheck disable=SC1091
  . "$state/network-before"
  for table in filter nat; do
    as_root iptables -t "$table" -S | grep -E '^-A .*(docker0|DOCKER)' | while read -r rule; do
      # shellcheck disable=SC2086
      as_root iptables -t "$table" ${rule/#-A/-D}
    done || true
    as_root iptables -t "$table" -S | grep -E '^-N DOCKER' | while read -r _ rule; do
      as_root iptables -t "$table" -X "$rule"
    done || true
  done
  if [ -n "$forward_policy" ]; then as_root iptables -P FORWARD "$forward_policy"; fi
  if [ "$ip_forward" = 0 ]; then echo 0 | as_root tee /proc/sys/net/ipv4/ip_forward >/dev/null; fi
  as_root ip link delete docker0 2>/dev/null || true
  rm -f "$state/network-before"
}

# Nothing of a dead engine may be believed: dockerd would take any process that now has the id in
# containerd.pid for its containerd.
clear_run_directory() {
  local mounted
  while read -r mounted; do as_root umount -l "$mounted"; done < <(awk -v run="$run/" 'index($2, run) == 1 { print $2 }' /proc/mounts)
  as_root rm -rf "$run"
  mkdir -p "$state/data"
  as_root mkdir -p "$run"
  as_root chown "$(id -u)" "$run"
}

start_own() {
  local program sudo=()
  need dockerd iptables ip curl
  program=$(PATH="$PATH:/usr/sbin:/sbin" command -v dockerd)
  clear_run_directory
  note_network
  say "starting dockerd (data in $state/data, log in $log)"
  if [ "$(id -u)" != 0 ]; then
    as_root true
    sudo=(sudo)
  fi
  # Nothing of the caller's is inherited: neither its terminal nor its lock nor its signals.
  setsid "${sudo[@]}" "$program" --data-root="$state/data" --exec-root="$run/exec" --pidfile="$pid_file" \
    --host="unix://$own_socket" </dev/null >"$log" 2>&1 9>&- &
  local launched=$!
  while [ ! -S "$own_socket" ] && [ -e "/proc/$launched" ]; do sleep 0.02; done
  if ! answers "$own_socket" 60 as_root; then
    if own_pid >/dev/null; then stop; fi
    say "$(tail -n 15 "$log")"
    fail "dockerd did not start (see above and $log)" "as root with cgroups and iptables, or start an engine yourself and set DOCKER_HOST"
  fi
  if [ "$(id -u)" != 0 ]; then as_root chown "$(id -u)" "$own_socket"; fi
}

start() {
  local socket
  mkdir -p "$state"
  # Two checkouts may start at once; the second then uses what the first has started.
  exec 9>"$state/lock"
  flock 9
  if socket=$(current_socket); then
    say "an engine answers on $socket"
    printf 'unix://%s\n' "$socket"
  else
    own_pid >/dev/null && stop
    start_own
    printf 'unix://%s\nstarted\n' "$own_socket"
  fi
}

stop() {
  local pid
  if ! pid=$(own_pid); then
    say "no engine of ours is running"
    return 0
  fi
  as_root kill -TERM "$pid"
  if ! timeout 40 tail --pid="$pid" -s 0.05 -f /dev/null; then
    fail "dockerd (process $pid) has not stopped within 40 s" "see $log"
  fi
  restore_network
  say "stopped dockerd"
}

case ${1:-} in
  start) start ;;
  stop) stop ;;
  host) socket=$(current_socket) && printf 'unix://%s\n' "$socket" ;;
  status)
    if socket=$(current_socket); then
      say "an engine answers on unix://$socket$([ "$socket" = "$own_socket" ] && echo " (ours, process $(own_pid || echo unknown))")"
    else
      say "no engine answers"
      exit 1
    fi
    ;;
  *)
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
