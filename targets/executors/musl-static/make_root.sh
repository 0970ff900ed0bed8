#!/usr/bin/env bash
# Makes the root file system of musl-static: Debian's Rust and C compilers, musl, and Rust's standard
# library for two musl targets, built here from Debian's sources since no package carries it.
set -euo pipefail
# shellcheck source=targets/executors/root-file-system/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../root-file-system/lib.sh"

usage() {
  cat <<'END'
make_root.sh OUT [PACKAGE…]

Makes the folder OUT with the root file system of the executor module musl-static in OUT/root, and its
digest and tools in OUT/facts. PACKAGE: more Debian packages (tools that a crate's build starts). Takes
some three minutes and 1.5 GB, from the archives that this machine's apt knows; needs root, or newuidmap
with subordinate user ids, and the packages mmdebstrap and bubblewrap.

Example:
  ./make_root.sh /var/tmp/musl-static && bwrap --ro-bind /var/tmp/musl-static/root / rustc --version
END
}

case ${1:-} in
  --help | -h) usage && exit 0 ;;
  '' | -*) usage >&2 && exit 2 ;;
esac

# rustc-web is the newer Rust that Debian keeps for its browsers.
packages=(
  base-files libc-bin bash dash coreutils sed grep findutils diffutils mawk tar gzip bzip2 xz-utils perl-base
  make pkg-config cargo-web rustc-web rust-web-src gcc libc6-dev musl-dev libunwind-14-dev
  gcc-aarch64-linux-gnu linux-libc-dev-arm64-cross qemu-user-static
)

begin "$1"
shift
list=$(IFS=, && printf '%s' "${packages[*]}${*:+,$*}")
root="$unfinished/root" work="$unfinished/work"
mkdir -p "$work/debs"
# What of another architecture cannot be installed beside its own is fetched by the same apt.
# shellcheck disable=SC2016
unpack_debian amd64,arm64 "$list" --extract-hook='
  cd "$1/../work/debs" && APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -q -q -o APT::Sandbox::User=root download \
    musl-dev:arm64 libunwind-14-dev:arm64 >&2'
for package in "$work"/debs/*.deb; do dpkg-deb -x "$package" "$work/arm64"; done
cp -a "$work/arm64/usr/include/aarch64-linux-musl" "$root/usr/include/"
cp -a "$work/arm64/usr/lib/aarch64-linux-musl" "$root/usr/lib/"
install -D -m 644 "$work/arm64/usr/lib/llvm-14/lib/libunwind.a" "$work/libunwind-aarch64.a"
install -D -m 644 "$root/usr/lib/llvm-14/lib/libunwind.a" "$work/libunwind-x86_64.a"
# Of QEMU, which emulates thirty processors, only what the targets need.
find "$root/usr/bin" -name 'qemu-*' ! -name qemu-aarch64-static -delete

# What of the kernel's headers a C program may include; musl has none of them.
for name in linux asm-generic; do
  ln -s "../$name" "$root/usr/include/x86_64-linux-musl/$name"
  ln -s "../../aarch64-linux-gnu/include/$name" "$root/usr/include/aarch64-linux-musl/$name"
done
ln -s ../x86_64-linux-gnu/asm "$root/usr/include/x86_64-linux-musl/asm"
ln -s ../../aarch64-linux-gnu/include/asm "$root/usr/include/aarch64-linux-musl/asm"

# Nothing of what runs here can reach the host or a network, and only /work is writable.
inside() {
  bwrap --unshare-all --die-with-parent --new-session --cap-drop ALL \
    --ro-bind "$root/usr" /usr --ro-bind "$root/etc" /etc \
    --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64 \
    --bind "$work" /work --ro-bind "$(dirname "${BASH_SOURCE[0]}")" /scripts \
    --proc /proc --dev /dev --tmpfs /tmp --chdir /work \
    --clearenv --setenv PATH /usr/bin --setenv HOME /work --setenv LC_ALL C.UTF-8 \
    --setenv SOURCE_DATE_EPOCH 1577836800 -- "$@"
}

for architecture in x86_64 aarch64; do
  bash "$(dirname "${BASH_SOURCE[0]}")/add_compiler.sh" "$root" "$architecture"
  say "building Rust's standard library for $architecture-unknown-linux-musl"
  inside bash /scripts/build_std.sh "$architecture" >&2
  cp -a "$work/std-$architecture" "$root/usr/lib/rustlib/$architecture-unknown-linux-musl"
done
rm -rf "$root"/usr/src "$root"/usr/lib/rustlib/src "$root"/usr/share/cargo/registry

# What a build would read of the tools is asked of them, not of the packages.
facts() {
  printf 'rustc=%s\n' "$(inside rustc --version)"
  printf 'cargo=%s\n' "$(inside cargo --version)"
  local architecture compiler musl
  for architecture in x86_64 aarch64; do
    compiler=$architecture-linux-musl-gcc
    musl=$(sed -n 's/^Version: //p' "$work/musl-version")
    printf 'linker %s=%s, musl %s\n' "$compiler" "$(inside "$compiler" --version | head -n 1)" "$musl"
  done
}
dpkg-deb -f "$work"/debs/musl-dev_*.deb Version | sed 's/^/Version: /' >"$work/musl-version"
made=$(facts)
rm -rf "$work"
finish <<<"$made"
