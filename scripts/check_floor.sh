#!/usr/bin/env bash
# Starts built programs on the oldest Debian that can be had, each on its own architecture.
#
#   DOCKER_HOST=unix://… scripts/check_floor.sh [--refused] ARTIFACT.tar.gz…
#
# Ends with 0 when every program of the artifacts starts there with --version; with --refused, when the
# loader refuses every one of them because it needs a newer glibc (which shows that the check can fail).
# A line a program on standard output. Ends with 77 where no older Debian can be had for an artifact.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# architecture_of FILE: Debian's word for the architecture of a program; nothing for other files.
architecture_of() {
  local head
  head=$(LC_ALL=C readelf --file-header "$1" 2>/dev/null) || return 0
  case $head in
    *ELF64*X86-64*) echo amd64 ;;
    *ELF32*80386*) echo i386 ;;
    *AArch64*) echo arm64 ;;
    *ELF32*ARM*) echo armhf ;;
    *"little endian"*PowerPC64*) echo ppc64el ;;
    *S/390*) echo s390x ;;
    *) fail "$1 is a program of an unknown machine" "teach scripts/check_floor.sh its architecture" ;;
  esac
}

# The emulator that starts an architecture's programs here; nothing where none is needed.
emulator_of() {
  case $1 in
    amd64 | i386) ;;
    arm64) echo qemu-aarch64-static ;;
    armhf) echo qemu-arm-static ;;
    ppc64el) echo qemu-ppc64le-static ;;
    *) echo "qemu-$1-static" ;;
  esac
}

# start IMAGE ARCHITECTURE PROGRAM: starts it on the old root, isolated as builds are.
start() {
  local image=$1 emulator command=(/artifact/program --version) mounts=()
  emulator=$(emulator_of "$2")
  if [ -n "$emulator" ]; then
    need "$emulator"
    mounts=(--volume "$(command -v "$emulator"):/emulator:ro")
    command=(/emulator "${command[@]}")
  fi
  timeout 60 docker run --rm --network none --cap-drop ALL --security-opt no-new-privileges --read-only \
    --pull never --user 65534:65534 --volume "$3:/artifact/program:ro" "${mounts[@]}" "$image" \
    "${command[@]}" </dev/null 2>&1
}

# check NAME PROGRAM WANTED: WANTED is `starts` or `refused`.
check() {
  local name=$1 program=$2 wanted=$3 architecture old image release glibc output status=0 found
  architecture=$(architecture_of "$program")
  old=$("$root/scripts/make_old_root.sh" "$architecture") || exit
  read -r image release glibc <<<"$old"
  output=$(start "$image" "$architecture" "$program") || status=$?
  if grep -q "version .GLIBC_.* not found" <<<"$output"; then
    found=refused
  elif [ "$status" = 0 ]; then
    found=starts
  else
    found="fails with $status"
  fi
  printf '%s (%s) on %s, glibc %s: %s: %s\n' \
    "$name" "$architecture" "$release" "$glibc" "$found" "$(grep -v '^$' <<<"$output" | head -n 1)"
  [ "$found" = "$wanted" ]
}

main() {
  local wanted=starts artifact folder program programs=0 failed=0
  if [ "${1:-}" = --refused ]; then wanted=refused && shift; fi
  [ $# -gt 0 ] || fail "no artifact is named" "scripts/check_floor.sh [--refused] ARTIFACT.tar.gz…"
  need docker readelf
  folder=$(mktemp -d)
  # shellcheck disable=SC2064
  trap "rm -rf '$folder'" EXIT
  chmod 755 "$folder"
  for artifact in "$@"; do
    mkdir "$folder/artifact"
    tar -xzf "$artifact" -C "$folder/artifact"
    while read -r program; do
      [ -n "$(architecture_of "$program")" ] || continue
      programs=$((programs + 1))
      chmod 755 "$program"
      check "${artifact##*/}: ${program##*/}" "$program" "$wanted" || failed=$((failed + 1))
    done < <(find "$folder/artifact" -type f | sort)
    rm -rf "$folder/artifact"
  done
  [ "$programs" != 0 ] || fail "there is no program in $*"
  [ "$failed" = 0 ] || fail "$failed of $programs programs are not “$wanted” there"
}

main "$@"
