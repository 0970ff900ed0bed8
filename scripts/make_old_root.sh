#!/usr/bin/env bash
# Provides the libraries of the oldest Debian that this machine's mirror still has, as an image of the
# Docker engine: what artifacts with a low glibc floor are started on.
#
#   DOCKER_HOST=unix://… scripts/make_old_root.sh ARCHITECTURE
#
# ARCHITECTURE in Debian's words (amd64, arm64, i386, armhf, ppc64el, s390x). Prints the image's name,
# the release and its glibc in one line. The image is made once, and again when the archive or the
# settings have changed. Ends with 77 where the archive has no older release for the architecture.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Oldest first; the first that the archive has for the architecture is taken.
candidates=(jessie stretch buster bullseye)
label=rs.builds.old-root

# The archive that has this Debian's own release.
archive() { apt_sources | awk -v suite="$(debian_release)" '$2 == suite { print $1; exit }'; }

oldest_release() {
  local uri=${1%/} architecture=$2 release
  for release in "${candidates[@]}"; do
    if curl --silent --fail --location --max-time 30 --output /dev/null \
      "$uri/dists/$release/main/binary-$architecture/Release"; then
      printf '%s\n' "$release"
      return 0
    fi
  done
  say "the archive $uri has none of ${candidates[*]} for $architecture"
  exit 77
}

label_of_image() {
  docker image inspect --format "{{ index .Config.Labels \"$label.$2\" }}" "$1" 2>/dev/null
}

# Only the files: nothing of a foreign architecture is started.
make_root() {
  local architecture=$1 release=$2 uri=$3 image=$4 inputs=$5 options=() setting folder glibc
  while read -r setting; do
    if [ -n "$setting" ]; then options+=(--aptopt="$setting"); fi
  done <<<"$(apt_settings)"
  folder=$(mktemp -d -p "$(roomy_folder)")
  say "making $image of Debian's packages"
  TMPDIR="$folder" as_root mmdebstrap --quiet --mode=root --variant=extract --format=tar \
    --architectures="$architecture" --include=libc6,libgcc-s1,libc-bin,base-files "${options[@]}" \
    "$release" "$folder/root.tar" "deb $uri $release main"
  glibc=$(tar -tf "$folder/root.tar" | sed -nE 's#.*/libc-([0-9.]+)\.so$#\1#p' | head -n 1)
  docker import --change "LABEL $label.inputs=$inputs $label.glibc=$glibc" \
    --change 'CMD ["/bin/true"]' - "$image" <"$folder/root.tar" >&2
  as_root rm -rf "$folder"
}

main() {
  local architecture=${1:?the architecture in Debian words} uri release image inputs
  need docker mmdebstrap curl
  uri=$(archive)
  release=$(oldest_release "$uri" "$architecture")
  image="buildsrs/old-root:$release-$architecture"
  inputs=$(printf '%s\n' "1" "$release" "$architecture" "$uri" "$(apt_settings)" | sha256sum | cut -c 1-16)
  if [ "$(label_of_image "$image" inputs || true)" != "$inputs" ]; then
    make_root "$architecture" "$release" "$uri" "$image" "$inputs"
  fi
  printf '%s %s %s\n' "$image" "$release" "$(label_of_image "$image" glibc)"
}

main "$@"
