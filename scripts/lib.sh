# What the scripts of this folder and ./bootstrap share. Sourced, never run.
# shellcheck shell=bash

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
local_state="$root/.local"
# Heavy things that several checkouts share: the registry and the Docker engine's data.
: "${HOME:=$(getent passwd "$(id -u)" | cut -d : -f 6)}"
cache="${BUILDSRS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/builds.rs}"
# Debian's own Python and Cargo, whatever a user's PATH puts before them.
python=/usr/bin/python3
get_swift="install Swift 6.2 or newer for Debian 12 from https://www.swift.org/install/linux/ and put its usr/bin into PATH, or unpack it to /opt/swift"
# Read by the scripts that source this file.
# shellcheck disable=SC2034
readonly root local_state cache python get_swift

if [ -t 2 ]; then bold=$'\e[1m' red=$'\e[31m' plain=$'\e[0m'; else bold='' red='' plain=''; fi

# All talk goes to standard error: standard output is for what a script would read.
say() { printf '%s\n' "$*" >&2; }

# fail MESSAGE [REMEDY]: says what is wrong and what to do about it, and ends.
fail() {
  say "${red}error:${plain} $1"
  if [ $# -gt 1 ]; then say "  remedy: $2"; fi
  exit 1
}

step_times=()

# step NAME COMMAND…: runs a command, says how long it took, keeps the time for `report_times`.
step() {
  local name=$1 started=$EPOCHREALTIME status=0 seconds
  shift
  say "${bold}==> $name${plain}"
  # A subshell with its own `set -e`: a failing command inside a function must end the step.
  set +e
  (set -e && "$@")
  status=$?
  set -e
  seconds=$(elapsed "$started")
  step_times+=("$(printf '%8s s  %s%s' "$seconds" "$name" "$([ "$status" = 0 ] || echo ' (failed)')")")
  if [ "$status" != 0 ]; then
    say "${red}==> $name failed${plain} after $seconds s (exit code $status)"
  else
    say "==> $name: $seconds s"
  fi
  return "$status"
}

# elapsed START: seconds since START (a value of EPOCHREALTIME) with one decimal.
elapsed() {
  local now=${EPOCHREALTIME/[.,]/} start=${1/[.,]/}
  local tenths=$(((now - start) / 100000))
  printf '%d.%d' $((tenths / 10)) $((tenths % 10))
}

report_times() {
  if [ ${#step_times[@]} -gt 0 ]; then printf '%s\n' "${step_times[@]}" >&2; fi
}

# as_root COMMAND…: runs a command as root, by sudo where needed.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo --preserve-env=TMPDIR "$@"
  else
    fail "this needs root, and there is no sudo: $*" "run it as root, then try again"
  fi
}

# put_swift_in_path: or tell how to get it.
put_swift_in_path() {
  if ! command -v swift >/dev/null && [ -x /opt/swift/usr/bin/swift ]; then
    PATH="$PATH:/opt/swift/usr/bin"
  fi
  command -v swift >/dev/null || fail "swift is not in PATH and not in /opt/swift/usr/bin" "$get_swift"
}

# find_swift: puts Swift's tools into PATH and checks that they start and are new enough.
find_swift() {
  put_swift_in_path
  local answer version major minor
  answer=$(swift --version 2>&1) ||
    fail "$(command -v swift) does not start: $(head -n 3 <<<"$answer")" "run ./bootstrap install"
  version=$(sed -nE 's/.*Swift version ([0-9]+\.[0-9]+).*/\1/p' <<<"$answer" | head -n 1)
  major=${version%%.*} minor=${version#*.}
  if [ -z "$version" ] || [ "$major" -lt 6 ] || { [ "$major" = 6 ] && [ "$minor" -lt 2 ]; }; then
    fail "$(command -v swift) is version ${version:-unknown}; 6.2 or newer is needed" "$get_swift"
  fi
}

# need PROGRAM…: fails when one of the programs that `install` brings is missing.
need() {
  local program
  for program in "$@"; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "$program" >/dev/null ||
      fail "$program is missing" "run ./bootstrap install"
  done
}

# copy_if_changed FROM TO: by a temporary name and a rename, so that a running program keeps its file.
copy_if_changed() {
  if ! cmp -s "$1" "$2"; then
    mkdir -p "$(dirname "$2")"
    cp "$1" "$2.new.$$"
    mv -f "$2.new.$$" "$2"
    say "    ${2#"$root/"}"
  fi
}

# What the images and the modules' root file systems are made from: debian_release, apt_sources,
# apt_settings. Beside the modules' scripts, which are installed without this folder.
# shellcheck source=targets/executors/root-file-system/apt.sh
. "$root/targets/executors/root-file-system/apt.sh"

# roomy_folder: memory is three times faster than a disk; an unpacked base needs 300 MB.
roomy_folder() {
  if [ "$(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1)" -gt 1000000 ] 2>/dev/null; then
    echo /dev/shm
  else
    echo "${TMPDIR:-/tmp}"
  fi
}
