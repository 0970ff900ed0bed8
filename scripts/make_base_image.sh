#!/usr/bin/env bash
# Provides debian:bookworm-slim, which the executors' container files build on.
#
#   DOCKER_HOST=unix://… scripts/make_base_image.sh [--again]
#
# An image that is there, or that can be pulled, is taken as it is. Where no registry of images can
# be reached, one is made of Debian's packages under the same name, and knows the archives and the
# apt settings of this machine, so that `RUN apt-get install` works in image builds. It is made again
# when those settings have changed, or with --again.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

image=debian:bookworm-slim
release=bookworm
label=rs.builds.base-image.inputs

# Settings without which apt may not reach the archives; a proxy on 127.0.0.1 is out of a build's reach.
apt_settings() {
  apt-config dump | grep -E '^Acquire::(Check-Valid-Until|Check-Date|Max-ValidTime|ForceIPv[46]|https?::(Proxy|proxy|Verify-Peer|Verify-Host))[: ]' |
    grep -vE ' "";$' || true
}

source_lines() {
  apt_sources | while read -r uri suite; do printf 'deb %s %s main\n' "$uri" "$suite"; done
}

label_of_image() {
  docker image inspect --format "{{ index .Config.Labels \"$label\" }}" "$image" 2>/dev/null
}

# roomy_folder: memory is three times faster than a disk; an unpacked base needs 300 MB.
roomy_folder() {
  if [ "$(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1)" -gt 1000000 ] 2>/dev/null; then
    echo /dev/shm
  else
    echo "${TMPDIR:-/tmp}"
  fi
}

make_image() {
  local inputs=$1 options=() setting needs=()
  command -v mmdebstrap >/dev/null || fail "mmdebstrap is missing" "run ./bootstrap install"
  while read -r setting; do
    if [ -n "$setting" ]; then options+=(--aptopt="$setting"); fi
  done < <(apt_settings)
  if source_lines | grep -q 'deb https:'; then
    needs=(--include=ca-certificates
      --customize-hook='upload /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt')
  fi
  say "making $image of Debian's packages"
  # What slim images leave out: manuals, translations and package documentation but for licences.
  source_lines | TMPDIR="$(roomy_folder)" as_root mmdebstrap --quiet --variant=minbase --format=tar \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/info/*' \
    "${options[@]}" "${needs[@]}" "$release" - - |
    docker import --change "LABEL $label=$inputs" --change 'CMD ["bash"]' - "$image"
}

main() {
  local inputs existing=''
  command -v docker >/dev/null || fail "the docker command is missing" "run ./bootstrap install"
  docker version >/dev/null 2>&1 || fail "no Docker engine answers on ${DOCKER_HOST:-/var/run/docker.sock}" \
    "run ./bootstrap engine start and set DOCKER_HOST to what it prints"
  if [ "${1:-}" != --again ] && docker image inspect "$image" >/dev/null 2>&1; then
    existing=$(label_of_image)
    if [ -z "$existing" ] || [ "$existing" = "<no value>" ]; then
      say "$image is there"
      return 0
    fi
  fi
  # Without the archives there is nothing to compare with or to make one of.
  if [ -n "$existing" ] && ! (apt_sources >/dev/null) 2>/dev/null; then
    say "$image is there"
    return 0
  fi
  inputs=$({ source_lines && apt_settings && echo "$release 1"; } | sha256sum | cut -c 1-16)
  if [ "$existing" = "$inputs" ]; then
    say "$image is there"
  elif [ -z "$existing" ] && timeout 120 docker pull --quiet "$image" >/dev/null 2>&1; then
    say "pulled $image"
  else
    make_image "$inputs"
  fi
}

main "$@"
