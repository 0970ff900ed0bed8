extension ArtifactStore {
  /// Stores bytes that are in memory.
  @discardableResult
  public func put(
    _ key: StorageKey, bytes: [UInt8], expecting expected: ExpectedContent = .anything
  ) async throws(StorageError) -> StoredContent {
    try await fill(key, expecting: expected) { writer throws(StorageError) in
      try await writer.write(bytes)
    }
  }

  /// Stores a copy of a local file, read in pieces.
  @discardableResult
  public func put(
    _ key: StorageKey, fromFile path: String, expecting expected: ExpectedContent = .anything
  ) async throws(StorageError) -> StoredContent {
    let file = try await BlockingPool.run { () throws(StorageError) in
      try OpenFile(reading: path, key: nil)
    }
    let reader = FileReader(file: file, range: 0..<Int64.max)
    return try await fill(key, expecting: expected) { writer throws(StorageError) in
      while let piece = try await reader.next() { try await writer.write(piece) }
    }
  }

  private func fill(
    _ key: StorageKey, expecting expected: ExpectedContent,
    _ body: (any ArtifactWriter) async throws(StorageError) -> Void
  ) async throws(StorageError) -> StoredContent {
    let writer = try await begin(key)
    do {
      try await body(writer)
      return try await writer.finish(expecting: expected)
    } catch {
      await writer.abort()
      throw error
    }
  }
}
