/// Which variables a recipe may set in a build, and why not the others.
enum EnvironmentNames {
  static let expected = "an upper-case name such as PCRE2_SYS_STATIC"

  /// Nil: the name will do; else the reason why it will not, or an empty text where it is no name.
  static func refusal(of name: String) -> String? {
    guard let first = name.unicodeScalars.first, ("A"..."Z").contains(first),
      name.utf8.count <= 128,
      name.unicodeScalars.allSatisfy({
        ("A"..."Z").contains($0) || ("0"..."9").contains($0) || $0 == "_"
      })
    else { return "" }
    if let reason = exact[name] { return reason }
    return prefixes.first { name.hasPrefix($0.prefix) }?.reason
      ?? suffixes.first { name.hasSuffix($0.suffix) }?.reason
  }

  /// The names that are refused, for the schema.
  static var refused: (exact: [String], prefixes: [String], suffixes: [String]) {
    (Array(exact.keys), prefixes.map(\.prefix), suffixes.map(\.suffix))
  }

  private static let flags = "the farm makes the only list of compiler flags"
  private static let loader = "it would change which code every command loads"
  private static let network = "no environment has a network"
  private static let place = "it is part of the environment that the executor provides"

  private static let tool = "the environment names its own compilers and tools"

  private static let exact: [String: String] = [
    "CC": tool, "CXX": tool, "CPP": tool, "LD": tool, "AR": tool, "AS": tool, "NM": tool,
    "RANLIB": tool,
    "STRIP": tool, "OBJCOPY": tool, "MAKE": tool, "MAKEFLAGS": tool, "PKG_CONFIG": tool,
    "PKG_CONFIG_PATH": tool, "PKG_CONFIG_LIBDIR": tool, "PKG_CONFIG_SYSROOT_DIR": tool,
    "COMPILER_PATH": tool, "LIBRARY_PATH": tool, "CPATH": tool, "C_INCLUDE_PATH": tool,
    "CPLUS_INCLUDE_PATH": tool, "CFLAGS": flags, "CXXFLAGS": flags, "CPPFLAGS": flags,
    "LDFLAGS": flags,
    "SHELLOPTS": place, "BASHOPTS": place, "PS4": place, "LOCPATH": loader, "NLSPATH": loader,
    "PATH": place, "HOME": place, "TMPDIR": place, "USER": place, "SHELL": place, "PWD": place,
    "IFS": place, "ENV": place, "BASH_ENV": place, "TERM": place, "LANG": place, "TZ": place,
    "CARGO": place, "RUSTFLAGS": flags, "RUSTDOCFLAGS": flags, "GCONV_PATH": loader,
    "SOURCE_DATE_EPOCH": "it is the time at which the version was published",
  ]
  private static let prefixes: [(prefix: String, reason: String)] = [
    ("CARGO_", "the farm configures Cargo itself"),
    ("RUSTC", "the target names its compiler"),
    ("RUSTUP_", "the target names its compiler"),
    ("CC_", tool), ("CXX_", tool), ("AR_", tool), ("GCC_", tool), ("ZIG_", tool), ("HOST_", tool),
    ("TARGET_", tool), ("SCCACHE_", tool), ("CFLAGS_", flags), ("CXXFLAGS_", flags),
    ("PERL5", tool),
    ("PYTHON", tool), ("DOCKER_", place),
    ("LD_", loader), ("GLIBC_", loader), ("QEMU_", place), ("BUILDSRS_", place), ("LC_", place),
  ]
  private static let suffixes: [(suffix: String, reason: String)] = [("_PROXY", network)]
}
