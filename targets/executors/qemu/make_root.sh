#!/usr/bin/env bash
# Makes a root file system of qemu: Debian of another architecture, with its Rust and C compiler.
set -euo pipefail
# shellcheck source=targets/executors/root-file-system/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../root-file-system/lib.sh"

usage() {
  cat <<'END'
make_root.sh OUT ARCHITECTURE [PACKAGE…]

Makes the folder OUT with a root file system of the executor module qemu in OUT/root, and its digest and
tools in OUT/facts. ARCHITECTURE is Debian's name of it: arm64, armhf, ppc64el, s390x, i386 or amd64.
PACKAGE: more packages of that architecture, such as the libraries that a crate links. Takes half a
minute and 0.9 GB, from the archives that this machine's apt knows; needs root, or newuidmap with
subordinate user ids, and the packages mmdebstrap, bubblewrap and qemu-user-static.

Example:
  ./make_root.sh /var/tmp/armhf armhf && cat /var/tmp/armhf/facts
END
}

case ${1:-} in
  --help | -h) usage && exit 0 ;;
  '' | -*) usage >&2 && exit 2 ;;
esac

# The C compiler's name, and QEMU's word for the processor; none where this kernel runs it by itself.
case ${2:-} in
  arm64) gnu=aarch64-linux-gnu emulator=aarch64 ;;
  armhf) gnu=arm-linux-gnueabihf emulator=arm ;;
  ppc64el) gnu=powerpc64le-linux-gnu emulator=ppc64le ;;
  s390x) gnu=s390x-linux-gnu emulator=s390x ;;
  i386) gnu=i686-linux-gnu emulator= ;;
  amd64) gnu=x86_64-linux-gnu emulator= ;;
  *) fail "“${2:-}” is no architecture that this can make" "see --help" ;;
esac
if [ "$2" = "$(dpkg --print-architecture)" ]; then emulator=; fi

packages=(
  base-files libc-bin bash dash coreutils sed grep findutils diffutils mawk tar gzip bzip2 xz-utils perl-base
  make pkg-config cargo-web rustc-web gcc libc6-dev
)

architecture=$2
begin "$1"
shift 2
[ -z "$emulator" ] || need "qemu-$emulator-static"
list=$(IFS=, && printf '%s' "${packages[*]}${*:+,$*}")
root="$unfinished/root"
unpack_debian "$architecture" "$list"

# A user and mount namespace of its own, in which this kernel knows the emulator (Linux 6.7 and newer):
# nothing is registered on the machine.
inside() {
  # shellcheck disable=SC2016
  unshare --map-root-user --mount sh -euc '
    if [ -n "$1" ]; then
      mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
      grep "^:" "/usr/lib/binfmt.d/qemu-$1.conf" >/proc/sys/fs/binfmt_misc/register
    fi
    root=$2
    shift 2
    exec bwrap --unshare-all --die-with-parent --new-session --cap-drop ALL \
      --ro-bind "$root/usr" /usr --ro-bind "$root/etc" /etc \
      --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64 \
      --proc /proc --dev /dev --tmpfs /tmp \
      --clearenv --setenv PATH /usr/bin --setenv LC_ALL C.UTF-8 -- "$@"' \
    inside "$emulator" "$root" "$@"
}

facts() {
  printf 'rustc=%s\n' "$(inside rustc --version)"
  printf 'cargo=%s\n' "$(inside cargo --version)"
  printf 'linker %s=%s\n' "$gnu-gcc" "$(inside "$gnu-gcc" --version | head -n 1)"
}
say "asking the tools for their versions"
made=$(facts)
finish <<<"$made"
