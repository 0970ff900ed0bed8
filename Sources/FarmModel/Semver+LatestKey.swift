extension Semver {
  /// A text whose byte order (PostgreSQL: `COLLATE "C"`) is what `latest` means: pre-releases before
  /// releases, within both by precedence, and then by build metadata, as `<` has it.
  public var latestKey: String {
    var key = isPrerelease ? "p" : "r"
    for number in [major, minor, patch] { key += Self.sortable("\(number)") }
    for identifier in prerelease {
      // A number longer than 64 bits counts as a word, as for `<`.
      key +=
        isNumber(identifier) ? "0" + Self.sortable(identifier) : "1" + identifier + "!"
    }
    // “+” sorts behind the end of an identifier's list and before another identifier.
    return build.isEmpty ? key : key + "+" + build
  }

  private func isNumber(_ identifier: String) -> Bool {
    UInt64(identifier) != nil && identifier.utf8.allSatisfy { (48...57).contains($0) }
  }

  /// Digits behind a letter for their number: longer numbers are greater.
  private static func sortable(_ digits: String) -> String {
    String(UnicodeScalar(UInt8(96 + digits.utf8.count))) + digits
  }
}
