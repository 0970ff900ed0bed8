/// Why storage did not do what it was asked.
public enum StorageError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The text is no key; see ``StorageKey``.
  case badKey(String)
  /// The text is no storage URL; the reason says what is wrong.
  case badURL(String, reason: String)
  /// There is no such object.
  case notFound(StorageKey)
  /// The range begins at or behind the end of the object.
  case badRange(StorageKey, size: Int64)
  /// What was written is not what was announced. Nothing was stored.
  case mismatch(StorageKey, expected: String, found: String)
  /// The writer was used after it had been finished or aborted.
  case closed(StorageKey)
  /// The disk or the quota is full.
  case full(StorageKey)
  /// The system refused an operation.
  case failed(operation: String, name: String, reason: String)
  /// The storage belongs to another farm.
  case otherFarm(expected: String, found: String)
  /// The marker object is not one that this program writes.
  case badMarker(reason: String)

  public var description: String {
    switch self {
    case .badKey(let text): "“\(text)” is no storage key"
    case .badURL(let text, let reason): "“\(text)” is no storage URL: \(reason)"
    case .notFound(let key): "storage has no \(key)"
    case .badRange(let key, let size): "the range is outside \(key), which has \(size) bytes"
    case .mismatch(let key, let expected, let found):
      "what was written to \(key) is not what was announced: expected \(expected), found \(found)"
    case .closed(let key): "the writer of \(key) is closed"
    case .full(let key): "no space left to store \(key); free space, or enlarge the storage"
    case .failed(let operation, let name, let reason): "cannot \(operation) \(name): \(reason)"
    case .otherFarm(let expected, let found):
      "the storage belongs to farm \(found), not to farm \(expected); check storage-url"
    case .badMarker(let reason):
      "\(StorageKey.marker) in the storage is not a farm's marker: \(reason); check storage-url"
    }
  }
}
