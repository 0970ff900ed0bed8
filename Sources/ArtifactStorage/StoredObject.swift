/// An object that was opened: how large it is, and its bytes.
public struct StoredObject: Sendable {
  /// The size of the whole object in bytes.
  public let size: Int64
  /// Which of them ``bytes`` gives.
  public let range: Range<Int64>
  /// The bytes in pieces. They can be read once.
  public let bytes: StoredBytes

  /// All bytes at once, for small objects.
  public func collect() async throws(StorageError) -> [UInt8] {
    var all: [UInt8] = []
    all.reserveCapacity(range.count)
    let iterator = bytes.makeAsyncIterator()
    while let piece = try await iterator.next(isolation: #isolation) { all += piece }
    return all
  }
}

/// The bytes of an object in pieces of at most 256 KiB. A piece is read when it is asked for, so that
/// a slow reader holds no more than one.
public struct StoredBytes: AsyncSequence, Sendable {
  public typealias Element = [UInt8]
  public typealias Failure = StorageError

  private let pull: @Sendable () async throws(StorageError) -> [UInt8]?

  /// - Parameter pull: gives the next piece, and nil after the last.
  init(pull: @escaping @Sendable () async throws(StorageError) -> [UInt8]?) {
    self.pull = pull
  }

  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(pull: pull) }

  public struct AsyncIterator: AsyncIteratorProtocol {
    let pull: @Sendable () async throws(StorageError) -> [UInt8]?

    public func next(isolation: isolated (any Actor)?) async throws(StorageError) -> [UInt8]? {
      try await pull()
    }
  }
}
