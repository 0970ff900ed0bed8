import ExecutorKit
import FarmModel
import Foundation
import RegularExpressions

/// Which texts are fit for what they name. Everything here ends up in a command line, an image or a
/// path, so each is what its own world allows and nothing wider.
enum Vocabulary {
  /// An executor module's name: lower-case letters, digits and `-`.
  static func executor(_ text: String) -> String? {
    matches(text, first: isLower, rest: { isLower($0) || isDigit($0) || $0 == "-" })
  }

  /// A Cargo feature, also of a dependency: `pcre2`, `serde/std`, `tokio?/net`
  /// (doc.rust-lang.org/cargo/reference/features.html).
  static func feature(_ text: String) -> String? {
    matches(
      text, first: { isWord($0) },
      rest: { isWord($0) || "-+./?".unicodeScalars.contains($0) })
  }

  /// A binary target's name, which is a file name.
  static func binary(_ text: String) -> String? {
    matches(text, first: isWord, rest: { isWord($0) || "-.".unicodeScalars.contains($0) })
  }

  /// A package's name in Debian.
  static func debianPackage(_ text: String) -> String? {
    SystemPackage.isDebianName(text) ? text : nil
  }

  /// A shared library's name as `DT_NEEDED` has it, such as `libc.so.6`.
  static func library(_ text: String) -> String? {
    matches(text, first: isWord, rest: { isWord($0) || "+-.".unicodeScalars.contains($0) })
  }

  /// A glibc version, such as `2.36`.
  static func glibc(_ text: String) -> String? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0] == "2",
      parts.allSatisfy({ (1...3).contains($0.count) && $0.unicodeScalars.allSatisfy(isDigit) })
    else { return nil }
    return text
  }

  /// A shell pattern over target triples: `*` (at most four, since matching may try every way to
  /// spread them) and `?` besides what a triple is made of.
  static func targetPattern(_ text: String) -> String? {
    text.count { $0 == "*" } > 4
      ? nil
      : matches(
        text, first: { isLower($0) || isDigit($0) || "*?".unicodeScalars.contains($0) },
        rest: { isLower($0) || isDigit($0) || "*?-_.".unicodeScalars.contains($0) })
  }

  /// Whether a pattern of ``targetPattern(_:)`` covers a triple, by POSIX's own rules.
  static func covers(_ pattern: String, _ triple: String) -> Bool {
    fnmatch(pattern, triple, 0) == 0
  }

  /// A regular expression that RE2 accepts, of at most 500 bytes.
  static func regularExpression(_ text: String) -> String? {
    text.utf8.count > 500 || (try? RegularExpression(text)) == nil ? nil : text
  }

  private static func matches(
    _ text: String, first: (Unicode.Scalar) -> Bool, rest: (Unicode.Scalar) -> Bool
  ) -> String? {
    guard let head = text.unicodeScalars.first, text.utf8.count <= 128, first(head),
      text.unicodeScalars.dropFirst().allSatisfy(rest)
    else { return nil }
    return text
  }

  private static func isLower(_ scalar: Unicode.Scalar) -> Bool { ("a"..."z").contains(scalar) }
  private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }
  private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
    isLower(scalar) || isDigit(scalar) || ("A"..."Z").contains(scalar) || scalar == "_"
  }
}
