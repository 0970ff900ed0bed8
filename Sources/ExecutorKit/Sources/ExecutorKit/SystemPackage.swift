/// System packages that a plan asks for.
public enum SystemPackage {
  /// Whether a text may name a Debian package (Debian Policy, section 5.6.1) on apt's command line.
  ///
  /// No package of Debian ends with `-`: to apt, such a name means that a package is to be removed.
  public static func isDebianName(_ name: String) -> Bool {
    let bytes = Array(name.utf8)
    func isLetterOrDigit(_ byte: UInt8) -> Bool {
      (48...57).contains(byte) || (97...122).contains(byte)
    }
    guard (2...128).contains(bytes.count), let first = bytes.first, let last = bytes.last else {
      return false
    }
    return isLetterOrDigit(first) && last != UInt8(ascii: "-")
      && bytes.allSatisfy { isLetterOrDigit($0) || [43, 45, 46].contains($0) }
  }
}
