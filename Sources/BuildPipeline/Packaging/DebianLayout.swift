import Archives

/// Where Debian wants a build's files (Debian Policy, chapters 9, 10 and 12). Pure but for `contents`.
struct DebianLayout: Sendable {
  let package: String

  /// What of a file of the archive is installed where.
  enum Place: Equatable {
    /// As it is.
    case file(String)
    /// Compressed, as manual pages must be.
    case compressed(String)
    /// Its text goes into the copyright file.
    case licence(name: String)
  }

  /// The place of a text by its path in the farm's own archive; nil: not part of the package.
  func place(of path: String) -> Place? {
    let parts = path.split(separator: "/").map(String.init)
    guard let name = parts.last, Self.isSafe(name) else { return nil }
    if parts.first == "man", parts.count == 2, let section = name.last {
      return .compressed("usr/share/man/man\(section)/\(name).gz")
    }
    if parts.first == "completions", parts.count == 2 {
      return Self.completion(name).map { .file($0) }
    }
    if name.uppercased().hasPrefix("README") {
      return parts.count == 1 ? .file("usr/share/doc/\(package)/\(name)") : nil
    }
    return .licence(name: name)
  }

  /// The folders from which the shells of Debian load completions of packages. PowerShell and Elvish
  /// have none.
  private static func completion(_ name: String) -> String? {
    for ending in [".bash", ".bash-completion"] where name.hasSuffix(ending) {
      return "usr/share/bash-completion/completions/\(name.dropLast(ending.count))"
    }
    if name.hasSuffix(".fish") { return "usr/share/fish/vendor_completions.d/\(name)" }
    if name.hasSuffix(".zsh") {
      let command = name.dropLast(4)
      let function = command.hasPrefix("_") ? String(command) : "_\(command)"
      return "usr/share/zsh/vendor-completions/\(function)"
    }
    guard name.hasPrefix("_"), !name.contains(".") else { return nil }
    return "usr/share/zsh/vendor-completions/\(name)"
  }

  /// Names that mean the same to every tool: longer ones and others stay out of the package.
  private static func isSafe(_ name: String) -> Bool {
    name.utf8.count <= 120 && !name.hasPrefix(".") && !name.hasPrefix("-")
      && name.utf8.allSatisfy {
        (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0)
          || [43, 45, 46, 95].contains($0)
      }
  }
}
