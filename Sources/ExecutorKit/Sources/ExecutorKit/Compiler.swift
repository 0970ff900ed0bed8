extension BuildInputs {
  /// The GNU name of the target, which Debian's cross compilers and library folders carry, such as
  /// `aarch64-linux-gnu`: the triple without its vendor, and with GNU's word for the processor.
  public var gnuTriple: String {
    var parts = target.split(separator: "-").map(String.init)
    if parts.count == 4 { parts.remove(at: 1) }
    if let first = parts.first { parts[0] = Self.gnuProcessor(first) }
    return parts.joined(separator: "-")
  }

  /// The C compiler that links for the target: one word of the environment's `PATH`, never a command
  /// line. Every environment has a program of this name for its targets and linkers; with `zig` it is
  /// one that reads the promised glibc from the variable ``zigGlibcVariable``.
  public var compiler: String { linker == "zig" ? "\(gnuTriple)-zig-cc" : "\(gnuTriple)-gcc" }

  /// The C++ compiler for the target, likewise. Debian's has its headers and library in packages of its
  /// own, which an environment need not have; zig's brings them.
  public var cxxCompiler: String { linker == "zig" ? "\(gnuTriple)-zig-c++" : "\(gnuTriple)-g++" }

  /// What puts object files into libraries. GNU's reads what either compiler writes.
  public var archiver: String { "\(gnuTriple)-ar" }

  /// The variable that tells an environment's `…-zig-cc` the glibc to link against, such as `2.17`.
  public static let zigGlibcVariable = "BUILDSRS_GLIBC"

  private static func gnuProcessor(_ architecture: String) -> String {
    switch architecture {
    case "i586", "i686": "i686"
    case "riscv64gc": "riscv64"
    case let arm where arm.hasPrefix("arm") || arm.hasPrefix("thumb"): "arm"
    default: architecture
    }
  }
}
