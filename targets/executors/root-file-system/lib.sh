# How the root file systems of the modules musl-static and qemu are made. Sourced, never run.
#
# A root file system is a folder with
#   root/    the files that commands see, none of them writable to them
#   facts    lines of NAME=VALUE: digest, rustc, cargo, and `linker PROGRAM` for each C compiler
# It appears whole: it is made under another name beside it, and renamed.
# shellcheck shell=bash

say() { printf '%s\n' "$*" >&2; }

# fail MESSAGE [REMEDY]: says what is wrong and what to do about it, and ends.
fail() {
  say "error: $1"
  if [ $# -gt 1 ]; then say "  remedy: $2"; fi
  exit 1
}

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)"
# shellcheck source=targets/executors/root-file-system/apt.sh
. "$here/apt.sh"

# need PROGRAM…: fails when one of the programs is missing.
need() {
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null ||
      fail "$program is missing" "run ./bootstrap install, or install it with apt-get"
  done
}

# begin OUT: names the unfinished folder, `$unfinished`, which goes when the script fails.
begin() {
  out=$(realpath -m "$1")
  [ ! -e "$out/facts" ] || fail "$out is there already" "remove it first, or take another folder"
  [ "$(id -u)" = 0 ] || need newuidmap
  need mmdebstrap bwrap sha256sum find
  unfinished="$(dirname "$out")/.unfinished-$(basename "$out")-$$"
  mkdir -p "$(dirname "$out")"
  trap 'rm -rf "$unfinished"' EXIT
  mkdir -m 755 "$unfinished"
}

# source_lines ARCHITECTURE: lines of a sources.list. Debian's security archive has complete indexes
# only for the architectures that it builds Rust for; the others stay with the release itself.
source_lines() {
  apt_sources | while read -r uri suite; do
    case $1 in
      amd64* | arm64) ;;
      *) [ "$suite" = "$(debian_release)" ] || continue ;;
    esac
    printf 'deb %s %s main\n' "$uri" "$suite"
  done
}

# unpack_debian ARCHITECTURE PACKAGES [OPTION…]: Debian packages and all they depend on, unpacked into
# $unfinished/root. No package's script runs, so that it works for every architecture, nothing of the
# packages runs on the host, and the same packages give the same files. What scripts would have made
# and a build needs is made here.
unpack_debian() {
  local architecture=$1 packages=$2 setting options=() root="$unfinished/root"
  shift 2
  while read -r setting; do
    if [ -n "$setting" ]; then options+=(--aptopt="$setting"); fi
  done <<<"$(apt_settings)"
  # A name that is no package's is none, and not a pattern for others'.
  options+=(--aptopt='APT::Cmd::Pattern-Only "true"')
  say "unpacking Debian's packages for $architecture"
  # The folders of programs and libraries are one, as in every Debian that was installed.
  # shellcheck disable=SC2016
  options+=(--setup-hook='
    for name in bin sbin lib lib64; do mkdir -p "$1/usr/$name"; ln -s "usr/$name" "$1/$name"; done')
  source_lines "$architecture" |
    mmdebstrap --quiet --variant=extract --format=directory --architectures="$architecture" \
      --include="$packages" "${options[@]}" "$@" "$(debian_release)" "$root" - >&2
  (cd "$root" &&
    # Logs, lists, caches, documentation and devices: nothing that a build reads.
    rm -rf var/lib/apt var/cache var/log usr/share/{man,info,locale,lintian,bug,doc-base} \
      usr/share/doc etc/machine-id etc/apt etc/resolv.conf etc/hostname dev proc sys run tmp boot home \
      media mnt opt srv root &&
    mkdir -p -m 755 var/cache var/log etc)
  printf 'root:x:0:0:root:/tmp:/bin/sh\nnobody:x:65534:65534:nobody:/tmp:/bin/sh\n' >"$root/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
  printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
  [ -e "$root/bin/sh" ] || ln -s dash "$root/bin/sh"
  [ -e "$root/usr/bin/awk" ] || ln -s mawk "$root/usr/bin/awk"
  ln -sfn gcc "$root/usr/bin/cc"
  chmod 755 "$root"
}

# tree_digest FOLDER: SHA-256 over the sorted tree: kinds, modes, link targets and contents.
tree_digest() {
  (cd "$1" && LC_ALL=C && export LC_ALL && {
    find . -printf '%p\n%y %m %l\0' | sort -z
    find . -type f -print0 | sort -z | xargs -0 -r sha256sum -z
  } | sha256sum | cut -d ' ' -f 1)
}

# finish: writes the facts, of which standard input has all but the digest, and lets the folder appear.
finish() {
  local facts
  facts=$(cat)
  say "computing the digest"
  printf 'digest=sha256:%s\n%s\n' "$(tree_digest "$unfinished/root")" "$facts" >"$unfinished/facts"
  chmod 755 "$unfinished"
  mv -T "$unfinished" "$out"
  trap - EXIT
  say "$out: $(du -sh "$out" | cut -f 1)"
}
