import Foundation
import Synchronization
import Transfer

/// Runs a body with a server that is stopped afterwards.
func withServer<Result>(
  unixSocket: String? = nil, _ handler: @escaping LocalServer.Handler,
  test body: (LocalServer) async throws -> Result
) async throws -> Result {
  let server = try LocalServer(unixSocket: unixSocket, handler: handler)
  defer { server.stop() }
  return try await body(server)
}

/// Runs a body with a new folder that is removed afterwards.
func withFolder<Result>(_ body: (String) async throws -> Result) async throws -> Result {
  let folder = FileManager.default.temporaryDirectory.path + "/transfer-\(UUID().uuidString)"
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: folder) }
  return try await body(folder)
}

/// Something that happens once, which a test waits for.
final class Signal: Sendable {
  private let stream: AsyncStream<Int>
  private let continuation: AsyncStream<Int>.Continuation

  init() { (stream, continuation) = AsyncStream.makeStream() }

  func fire(_ value: Int = 0) { continuation.yield(value) }

  func wait() async -> Int? {
    var iterator = stream.makeAsyncIterator()
    return await iterator.next()
  }
}

/// A counter that several threads use.
final class Counter: Sendable {
  private let value = Atomic(0)

  /// Adds one and returns the new count.
  func next() -> Int { value.add(1, ordering: .relaxed).newValue }

  var count: Int { value.load(ordering: .relaxed) }
}

/// What went wrong, or nil when nothing did.
func failure<Value>(_ body: () async throws -> Value) async -> TransferError? {
  do {
    _ = try await body()
    return nil
  } catch {
    return error as? TransferError
  }
}

func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
