/// A place for objects under keys: a file system, or S3.
///
/// Objects appear whole or not at all and are never changed in place. Every function may wait for
/// disks or the network; none blocks the cooperative thread pool, and none is undone by cancellation.
public protocol ArtifactStore: Sendable {
  /// Begins to write an object, which replaces one of the same key when it is finished.
  func begin(_ key: StorageKey) async throws(StorageError) -> any ArtifactWriter

  /// Makes an object's bytes known under another key, too.
  func copy(from source: StorageKey, to target: StorageKey) async throws(StorageError)

  /// Opens an object, or the part of it that a range names.
  ///
  /// A range that reaches behind the end is cut.
  /// - Throws: ``StorageError/notFound(_:)``, ``StorageError/badRange(_:size:)``.
  func read(_ key: StorageKey, range: Range<Int64>?) async throws(StorageError) -> StoredObject

  /// The size of an object in bytes; nil where there is none.
  func head(_ key: StorageKey) async throws(StorageError) -> Int64?

  /// Removes an object. One that is not there is no error.
  func delete(_ key: StorageKey) async throws(StorageError)

  /// At most `limit` objects whose keys begin with `prefix` and come after `start`, ordered by key.
  func list(prefix: String, after start: StorageKey?, limit: Int) async throws(StorageError)
    -> [StoredEntry]

  /// Removes what writers that died have left: unfinished objects into which nothing was written for so
  /// many seconds.
  /// - Returns: how many.
  @discardableResult
  func sweepPartials(olderThan age: Int64) async -> Int
}

/// An object that is being written. Its owner calls one function at a time, and ends with
/// ``finish(expecting:)`` or ``abort()``; a writer that is dropped leaves nothing behind either.
public protocol ArtifactWriter: Sendable {
  /// Adds bytes. Returns when they are taken: call it again only then.
  func write(_ bytes: [UInt8]) async throws(StorageError)

  /// Makes the object visible, durably, if its content is what was expected.
  /// - Throws: ``StorageError/mismatch(_:expected:found:)``: nothing is stored then.
  @discardableResult
  func finish(expecting expected: ExpectedContent) async throws(StorageError) -> StoredContent

  /// Gives the object up. After ``finish(expecting:)`` it does nothing.
  func abort() async
}

/// What was announced about an object before it was written; nil fields are not checked.
public struct ExpectedContent: Sendable, Equatable {
  /// 64 lower-case hexadecimal digits.
  public var sha256: String?
  /// Bytes.
  public var size: Int64?

  public init(sha256: String? = nil, size: Int64? = nil) {
    self.sha256 = sha256
    self.size = size
  }

  /// Nothing was announced.
  public static let anything = ExpectedContent()
}

/// What was written.
public struct StoredContent: Sendable, Equatable {
  /// 64 lower-case hexadecimal digits.
  public let sha256: String
  /// 64 bytes: what a minisign signature is over.
  public let blake2b512: [UInt8]
  /// Bytes.
  public let size: Int64
}

/// An object that was found by listing.
public struct StoredEntry: Sendable, Equatable {
  public let key: StorageKey
  /// Bytes.
  public let size: Int64
  /// Seconds since 1970.
  public let modified: Int64
}
