/// A published archive that a builder downloads, to check it once more.
public struct CheckedFile: Codable, Sendable, Equatable {
  public var url: String
  /// 64 hexadecimal digits.
  public var sha256: String
  public init(url: String, sha256: String) {
    self.url = url
    self.sha256 = sha256
  }
}
