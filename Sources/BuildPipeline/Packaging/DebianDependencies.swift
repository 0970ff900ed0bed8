import FarmModel

/// Which Debian packages carry the shared libraries that binaries need.
enum DebianDependencies {
  /// What stands in `Depends`, sorted; empty for static binaries.
  ///
  /// - Throws: ``UnknownLibraries`` where a library is of no package that is known here: a package
  ///   that does not name it would install and not start.
  static func of(
    needed: Set<String>, glibcFloor: String?
  ) throws(UnknownLibraries) -> [String] {
    var packages: Set<String> = []
    var unknown: [String] = []
    for library in needed.sorted() {
      if isPartOfGlibc(library) {
        packages.insert(glibcFloor.map { "libc6 (>= \($0))" } ?? "libc6")
      } else if let package = packagesOfLibraries[library] {
        packages.insert(package)
      } else {
        unknown.append(library)
      }
    }
    guard unknown.isEmpty else { throw UnknownLibraries(names: unknown) }
    return packages.sorted()
  }

  struct UnknownLibraries: Error, Equatable { let names: [String] }

  /// What `libc6` holds on every architecture, its loaders among it.
  private static func isPartOfGlibc(_ library: String) -> Bool {
    let names = [
      "libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libutil.so.1",
      "libresolv.so.2", "libanl.so.1", "ld64.so.1", "ld64.so.2", "ld.so.1", "ld-linux.so.2",
      "ld-linux.so.3", "ld-linux-armhf.so.3", "ld-linux-aarch64.so.1", "ld-linux-x86-64.so.2",
      "ld-linux-riscv64-lp64d.so.1",
    ]
    return names.contains(library)
  }

  /// By Debian's own `*.shlibs` files of the releases 11 to 13. Where the change to 64-bit times gave
  /// a package another name, both do; `libgcc1` is what older releases have.
  private static let packagesOfLibraries = [
    "libgcc_s.so.1": "libgcc-s1 | libgcc1",
    "libstdc++.so.6": "libstdc++6",
    "libz.so.1": "zlib1g",
    "libbz2.so.1.0": "libbz2-1.0",
    "liblzma.so.5": "liblzma5",
    "libzstd.so.1": "libzstd1",
    "libssl.so.3": "libssl3 | libssl3t64",
    "libcrypto.so.3": "libssl3 | libssl3t64",
    "libcurl.so.4": "libcurl4 | libcurl4t64",
    "libsqlite3.so.0": "libsqlite3-0",
    "libpcre2-8.so.0": "libpcre2-8-0",
    "libpq.so.5": "libpq5",
    "libssh2.so.1": "libssh2-1 | libssh2-1t64",
    "libudev.so.1": "libudev1",
    "libsystemd.so.0": "libsystemd0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libusb-1.0.so.0": "libusb-1.0-0",
    "libseccomp.so.2": "libseccomp2",
    "libpam.so.0": "libpam0g",
    "libcrypt.so.1": "libcrypt1",
    "libcap.so.2": "libcap2",
    "libacl.so.1": "libacl1",
    "libelf.so.1": "libelf1 | libelf1t64",
    "libarchive.so.13": "libarchive13 | libarchive13t64",
    "libtinfo.so.6": "libtinfo6",
    "libncursesw.so.6": "libncursesw6",
    "libasound.so.2": "libasound2 | libasound2t64",
    "libX11.so.6": "libx11-6",
    "libxcb.so.1": "libxcb1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libwayland-client.so.0": "libwayland-client0",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libglib-2.0.so.0": "libglib2.0-0 | libglib2.0-0t64",
    "libgobject-2.0.so.0": "libglib2.0-0 | libglib2.0-0t64",
    "libgio-2.0.so.0": "libglib2.0-0 | libglib2.0-0t64",
  ]
}
