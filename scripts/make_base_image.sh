#!/usr/bin/env bash
# Provides debian:bookworm-slim, which the executors' container files build on.
#
#   DOCKER_HOST=unix://… scripts/make_base_image.sh [--again]
#
# An image that is there, or that can be pulled, is taken as it is. Where no registry of images can
# be reached, one is made of Debian's packages under the same name, and knows the archives, the apt
# settings and the certificate authorities that this machine was told to trust, so that
# `RUN apt-get install` and `RUN pip install` work in image builds. It is made again when those
# settings have changed, or with --again.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

image=debian:bookworm-slim
release=bookworm
label=rs.builds.base-image.inputs

# Lines of a sources.list; asking apt takes a third of a second, so `main` does it once.
source_lines() {
  apt_sources | while read -r uri suite; do printf 'deb %s %s main\n' "$uri" "$suite"; done
}

# Authorities that were added to this machine (a proxy's, say); a package's own are not meant.
# The image's update-ca-certificates takes them over when ca-certificates is installed in it.
authorities=/usr/local/share/ca-certificates

added_authorities() { find "$authorities" -name '*.crt' -type f 2>/dev/null | sort; }

label_of_image() {
  docker image inspect --format "{{ with .Config.Labels }}{{ index . \"$label\" }}{{ end }}" "$image" 2>/dev/null
}

make_image() {
  local inputs=$1 sources=$2 settings=$3 options=() setting needs=() authority
  need mmdebstrap
  while read -r setting; do
    if [ -n "$setting" ]; then options+=(--aptopt="$setting"); fi
  done <<<"$settings"
  if grep -q 'deb https:' <<<"$sources"; then
    needs=(--include=ca-certificates
      --customize-hook='upload /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt')
  fi
  while read -r authority; do
    if [ -n "$authority" ]; then needs+=(--customize-hook="copy-in '$authority' $authorities"); fi
  done <<<"$(added_authorities)"
  if [ ${#needs[@]} != 0 ]; then needs=(--customize-hook="mkdir -p \"\$1$authorities\"" "${needs[@]}"); fi
  say "making $image of Debian's packages"
  # What slim images leave out: manuals, translations and package documentation but for licences.
  TMPDIR="$(roomy_folder)" as_root mmdebstrap --quiet --variant=minbase --format=tar \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/info/*' \
    "${options[@]}" "${needs[@]}" "$release" - - <<<"$sources" |
    docker import --change "LABEL $label=$inputs" --change 'CMD ["bash"]' - "$image"
}

# An image without our label was pulled, or made by somebody else: theirs to keep.
main() {
  local sources settings trusted inputs existing=none
  need docker
  docker version >/dev/null 2>&1 || fail "no Docker engine answers on ${DOCKER_HOST:-/var/run/docker.sock}" \
    "run ./bootstrap engine start and set DOCKER_HOST to what it prints"
  if [ "${1:-}" != --again ]; then existing=$(label_of_image || echo none); fi
  if [ -z "$existing" ]; then
    say "$image is there, from elsewhere"
    return 0
  fi
  if [ "$existing" = none ] && [ "${1:-}" != --again ] && timeout 120 docker pull --quiet "$image" >/dev/null 2>&1; then
    say "pulled $image"
    return 0
  fi
  sources=$(source_lines)
  settings=$(apt_settings)
  trusted=$(added_authorities | xargs -r -d '\n' sha256sum)
  inputs=$(printf '%s\n' "$release 2" "$sources" "$settings" "$trusted" | sha256sum | cut -c 1-16)
  if [ "$existing" = "$inputs" ]; then
    say "$image is there"
  else
    make_image "$inputs" "$sources" "$settings"
  fi
}

main "$@"
