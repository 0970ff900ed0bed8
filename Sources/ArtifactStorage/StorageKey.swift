import FarmModel

/// The name of an object: plain components with `/` between them.
///
/// A component is a safe file name (``ArtifactName/isSafe(_:)``): ASCII letters, digits, `+-._~`, not
/// beginning with a dot or a dash, at most 255 bytes. The whole is at most 1,024 bytes, S3's limit.
public struct StorageKey: Sendable, Hashable, Comparable, CustomStringConvertible {
  public let text: String

  /// Checks a text.
  /// - Throws: ``StorageError/badKey(_:)``.
  public init(_ text: String) throws(StorageError) {
    let components = text.split(separator: "/", omittingEmptySubsequences: false)
    guard text.utf8.count <= 1024, components.allSatisfy({ ArtifactName.isSafe(String($0)) })
    else { throw .badKey(text) }
    self.text = text
  }

  private init(checked text: String) { self.text = text }

  /// The farm's marker object; see ``FarmMarker``.
  public static let marker = StorageKey(checked: "farm.json")

  /// Where the bytes of a published artifact are, by their SHA-256.
  /// - Throws: ``StorageError/badKey(_:)`` unless it is 64 lower-case hexadecimal digits.
  public static func artifact(sha256: String) throws(StorageError) -> StorageKey {
    StorageKey(checked: "artifacts/\(try checked(sha256).prefix(2))/\(sha256)")
  }

  /// Where an attempt's upload is until it is published: other bytes under the same name are
  /// elsewhere, so that what was checked cannot be replaced before it is published.
  /// - Throws: ``StorageError/badKey(_:)`` where the name is no safe file name, or the SHA-256 is not
  ///   64 lower-case hexadecimal digits.
  public static func upload(job: Int64, attempt: Int, sha256: String, name: String)
    throws(StorageError) -> StorageKey
  {
    guard !name.contains("/") else { throw .badKey(name) }
    let prefix = uploadPrefix(job: job, attempt: attempt)
    return try StorageKey("\(prefix)\(try checked(sha256))/\(name)")
  }

  /// What the keys of all uploads of an attempt begin with.
  public static func uploadPrefix(job: Int64, attempt: Int) -> String {
    "uploads/\(job)/\(attempt)/"
  }

  /// Where the whole log of an attempt is, by its SHA-256.
  /// - Throws: ``StorageError/badKey(_:)`` unless it is 64 lower-case hexadecimal digits.
  public static func log(sha256: String) throws(StorageError) -> StorageKey {
    StorageKey(checked: "logs/\(try checked(sha256))")
  }

  private static func checked(_ sha256: String) throws(StorageError) -> String {
    let isDigest =
      sha256.utf8.count == 64
      && sha256.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
    guard isDigest else { throw .badKey(sha256) }
    return sha256
  }

  /// By bytes, the order in which stores list.
  public static func < (left: StorageKey, right: StorageKey) -> Bool {
    left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
  }

  public var description: String { text }
}
