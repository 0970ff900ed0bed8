#!/usr/bin/env bash
# build_std.sh ARCHITECTURE: builds Rust's standard library for <ARCHITECTURE>-unknown-linux-musl into
# /work/std-<ARCHITECTURE>, laid out as rustc looks for it. Runs inside the root file system, offline:
# Debian's rust-web-src has the library with all crates that it needs.
set -euo pipefail

architecture=$1
triple=$architecture-unknown-linux-musl
compiler=$architecture-linux-musl-gcc
musl=/usr/lib/$architecture-linux-musl
source=$(realpath /usr/lib/rustlib/src/rust)
work=/work/build-$architecture
lib=/work/std-$architecture/lib
mkdir -p "$work/src" "$lib/self-contained"

# What rustc itself gives to the linker of a musl target, instead of the compiler's own start files.
cp "$musl"/{crt1,rcrt1,Scrt1,crti,crtn}.o "$musl/libc.a" "$lib/self-contained/"
for name in crtbegin crtbeginS crtend crtendS; do
  cp "$("$compiler" -print-file-name=$name.o)" "$lib/self-contained/"
done

# libgcc's unwinder needs glibc; LLVM's does, in Debian's build, for one checked printf only.
cat >"$work/fprintf.c" <<'C'
#include <stdarg.h>
#include <stdio.h>

int __fprintf_chk(FILE *stream, int flag, const char *format, ...) {
  va_list arguments;
  (void)flag;
  va_start(arguments, format);
  int written = vfprintf(stream, format, arguments);
  va_end(arguments);
  return written;
}
C
"$compiler" -O2 -fPIC -c "$work/fprintf.c" -o "$work/fprintf.o"
cp "/work/libunwind-$architecture.a" "$lib/self-contained/libunwind.a"
"$architecture-linux-musl-ar" rsD "$lib/self-contained/libunwind.a" "$work/fprintf.o"

# Cargo builds the standard library for a crate that uses none of it. Bitcode is embedded so that
# crates which ask for link-time optimisation can have it.
cat >"$work/Cargo.toml" <<'T'
[package]
name = "nothing"
version = "0.0.0"
edition = "2021"

[lib]
T
echo '#![no_std]' >"$work/src/lib.rs"
cd "$work"
CARGO_HOME="$work/cargo-home" RUSTC_BOOTSTRAP=1 \
  RUSTFLAGS="-Cembed-bitcode=yes -Cdebuginfo=0 --remap-path-prefix=$source=/rustc/src" \
  cargo --quiet \
  --config 'source.crates-io.replace-with="vendor"' \
  --config "source.vendor.directory=\"$source/library/vendor\"" \
  build --release --offline -Zbuild-std=std,panic_abort,panic_unwind --target "$triple"
find "target/$triple/release/deps" -name '*.rlib' ! -name 'libnothing-*' -exec cp {} "$lib/" \;
chmod -R u=rwX,go=rX "/work/std-$architecture"
