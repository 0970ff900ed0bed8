import Cryptography
import Foundation
import Synchronization

/// Writes one object: into a temporary file, hashed on the way, renamed when it is complete.
final class FileWriter: ArtifactWriter {
  private struct State {
    /// Nil when the writer is closed.
    var file: OpenFile?
    let sha256 = Digest(.sha256)
    let blake2b512 = Digest(.blake2b512)
    var size: Int64 = 0
  }

  private let key: StorageKey
  private let layout: FileLayout
  private let temporary: String
  private let state: Mutex<State>

  /// Blocks.
  init(key: StorageKey, layout: FileLayout) throws(StorageError) {
    self.key = key
    self.layout = layout
    temporary = try layout.newTemporaryPath()
    state = Mutex(State(file: try OpenFile(creating: temporary, for: key)))
  }

  /// A writer that is neither finished nor aborted leaves nothing behind.
  deinit {
    if state.withLock({ $0.file != nil }) { unlink(temporary) }
  }

  func write(_ bytes: [UInt8]) async throws(StorageError) {
    try await BlockingPool.run { () throws(StorageError) in try self.append(bytes) }
  }

  func finish(expecting expected: ExpectedContent) async throws(StorageError) -> StoredContent {
    try await BlockingPool.run { () throws(StorageError) in try self.publish(expected) }
  }

  func abort() async {
    // Nothing in it throws.
    try? await BlockingPool.run { self.discard() }
  }

  private func append(_ bytes: [UInt8]) throws(StorageError) {
    try state.withLock { (state) throws(StorageError) in
      guard let file = state.file else { throw .closed(key) }
      try file.write(bytes, for: key)
      state.sha256.update(bytes)
      state.blake2b512.update(bytes)
      state.size += Int64(bytes.count)
    }
  }

  private func publish(_ expected: ExpectedContent) throws(StorageError) -> StoredContent {
    let (file, content) = try state.withLock { (state) throws(StorageError) in
      guard let file = state.file else { throw .closed(key) }
      state.file = nil
      let content = StoredContent(
        sha256: Hex.encode(state.sha256.finalize()), blake2b512: state.blake2b512.finalize(),
        size: state.size)
      return (file, content)
    }
    // After a rename there is nothing to remove; after an error there is.
    defer { unlink(temporary) }
    try check(content, against: expected)
    try file.sync(for: key)
    try layout.publish(temporary, as: key)
    return content
  }

  private func check(_ content: StoredContent, against expected: ExpectedContent)
    throws(StorageError)
  {
    if let size = expected.size, size != content.size {
      throw .mismatch(key, expected: "\(size) bytes", found: "\(content.size) bytes")
    }
    if let sha256 = expected.sha256, sha256 != content.sha256 {
      throw .mismatch(key, expected: "sha256 \(sha256)", found: "sha256 \(content.sha256)")
    }
  }

  private func discard() {
    let file = state.withLock { state in
      defer { state.file = nil }
      return state.file
    }
    if file != nil { unlink(temporary) }
  }
}
