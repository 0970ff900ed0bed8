/// A Rust target triple that forms paths and URLs, such as `aarch64-unknown-linux-gnu`.
public struct TargetTriple: Sendable, Hashable, Codable, CustomStringConvertible {
  public let text: String

  /// Nil unless the text is two to four non-empty parts of lower-case letters, digits, `_` and `.`.
  public init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard (2...4).contains(parts.count), text.utf8.count <= 64,
      parts.allSatisfy({ part in
        !part.isEmpty && !part.hasPrefix(".")
          && part.utf8.allSatisfy {
            (48...57).contains($0) || (97...122).contains($0) || $0 == 95 || $0 == 46
          }
      })
    else { return nil }
    self.text = String(text)
  }

  /// The processor's part, such as `aarch64`.
  public var architecture: String { String(text.prefix { $0 != "-" }) }
  public var description: String { text }

  /// The variable by which Cargo knows the target: `CARGO_TARGET_<this>_LINKER`.
  public var environmentName: String {
    text.uppercased().map { $0 == "-" || $0 == "." ? "_" : String($0) }.joined()
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let triple = TargetTriple(text) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "“\(text)” is no target triple")
    }
    self = triple
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }
}
