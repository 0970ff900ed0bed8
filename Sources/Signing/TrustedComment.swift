/// The signed line of a signature: when, which file, and its SHA-256.
///
/// It binds a signature to a name, so that one artifact's signature does not serve for another of the
/// same bytes. Fields are separated by tabs, as minisign's own default comment does.
public struct TrustedComment: Sendable, Equatable, CustomStringConvertible {
  /// The line without its prefix: one line, no control characters but tabs.
  public let text: String

  /// A comment of any text; line ends and other control characters become spaces.
  public init(_ text: String) {
    let scalars = text.unicodeScalars.map { scalar in
      scalar == "\t" || scalar.properties.generalCategory != .control ? scalar : " "
    }
    self.text = String(String.UnicodeScalarView(scalars))
  }

  /// The comment of an artifact.
  /// - Parameters:
  ///   - timestamp: seconds since 1970.
  ///   - file: the public name of the file.
  ///   - sha256: 64 lower-case hexadecimal digits.
  public init(timestamp: Int64, file: String, sha256: String) {
    let file = file.split(separator: "\t").joined(separator: " ")
    self.init("timestamp:\(timestamp)\tfile:\(file)\tsha256:\(sha256)")
  }

  /// The value of a field; nil where the comment has no such field.
  public func field(_ name: String) -> String? {
    text.split(separator: "\t").first { $0.hasPrefix("\(name):") }
      .map { String($0.dropFirst(name.utf8.count + 1)) }
  }

  /// Seconds since 1970, where the comment tells.
  public var timestamp: Int64? { field("timestamp").flatMap { Int64($0) } }
  /// The name of the signed file, where the comment tells.
  public var file: String? { field("file") }
  /// The SHA-256 of the signed file, where the comment tells.
  public var sha256: String? { field("sha256") }

  public var description: String { text }
}
