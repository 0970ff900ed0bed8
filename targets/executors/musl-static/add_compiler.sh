#!/usr/bin/env bash
# add_compiler.sh ROOT ARCHITECTURE: puts `<ARCHITECTURE>-linux-musl-gcc` and its tools into a root file
# system with Debian's GCC for that architecture and musl-dev's files. The compiler reads musl's headers,
# finds only musl's libraries, and links static, position-independent programs.
set -euo pipefail

root=$1 architecture=$2
gnu=$architecture-linux-gnu musl=$architecture-linux-musl

# GCC's specs: which options its driver gives to the parts. Named here are only those that differ from
# Debian's. Where GCC looks for libraries (link_libgcc) is replaced, not extended: a library that was
# built for glibc must be missing, not linked.
# static-pie, which is also the default, needs what GCC's own specs for it say: no interpreter, no
# relocations in the text, and the start file that relocates the program.
cat >"$root/usr/lib/$musl/gcc.specs" <<END
%rename cpp_options debian_cpp_options

*cpp_options:
-nostdinc -isystem /usr/include/$musl -isystem include%s %(debian_cpp_options)

*cc1:
%(cc1_cpu) -nostdinc -isystem /usr/include/$musl -isystem include%s

*link_libgcc:
-L/usr/lib/$musl -L.%s

*libgcc:
libgcc.a%s

*startfile:
%{!shared:%{static|no-pie:/usr/lib/$musl/crt1.o;:/usr/lib/$musl/rcrt1.o}} /usr/lib/$musl/crti.o %{shared|!no-pie:%{!static:crtbeginS.o%s;:crtbegin.o%s};:crtbegin.o%s}

*endfile:
%{shared|!no-pie:%{!static:crtendS.o%s;:crtend.o%s};:crtend.o%s} /usr/lib/$musl/crtn.o

*link:
-nostdlib --eh-frame-hdr %{shared:-shared;static|no-pie:-static;:-static -pie --no-dynamic-linker -z text} %{rdynamic:-export-dynamic}

END
# The processor's calls into libgcc for atomics would read the machine's abilities by glibc's means.
own=
if [ "$architecture" = aarch64 ]; then own=-mno-outline-atomics; fi
cat >"$root/usr/bin/$musl-gcc" <<END
#!/bin/sh
exec $gnu-gcc -specs=/usr/lib/$musl/gcc.specs $own "\$@"
END
chmod 755 "$root/usr/bin/$musl-gcc"
ln -s "$musl-gcc" "$root/usr/bin/$musl-cc"
for tool in ar ranlib nm strip objcopy ld as; do
  ln -s "$gnu-$tool" "$root/usr/bin/$musl-$tool"
done
