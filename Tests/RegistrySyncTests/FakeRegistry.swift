import Archives
import CrateRegistry
import Cryptography
import FarmModel
import Foundation
import Synchronization

/// A sparse registry in memory.
final class FakeRegistry: Sendable {
  struct Content: Sendable {
    /// Paths below `/` and what is there.
    var files: [String: [UInt8]] = [:]
    /// Paths that are answered with a status instead.
    var statuses: [String: Int] = [:]
    /// Every request and its status, such as `GET /index/3/a/abc 304`.
    var log: [String] = []
  }

  private let content: Shared<Content>
  private let server: LocalServer

  init() throws {
    let content = Shared(Content())
    self.content = content
    server = try LocalServer { request in content.withLock { $0.answer(request) } }
    set("/index/config.json", #"{"dl": "\#(server.url)/crates"}"#)
  }

  var indexURL: String { "sparse+\(server.url)/index/" }
  var downloadTemplate: String { "\(server.url)/crates" }
  var origin: String { server.url }

  func set(_ path: String, _ text: String) {
    content.withLock { $0.files[path] = Array(text.utf8) }
  }

  func setStatus(_ path: String, _ status: Int?) {
    content.withLock { $0.statuses[path] = status }
  }

  /// What was asked since the last call, sorted.
  func takeLog() -> [String] {
    content.withLock { content in
      defer { content.log = [] }
      return content.log.sorted()
    }
  }

  /// Publishes a crate's index file.
  func publish(_ crate: CrateName, lines: [String]) {
    set("/index/\(indexPath(for: crate))", lines.joined(separator: "\n") + "\n")
  }

  /// Publishes the bytes of a `.crate`; their checksum.
  func publish(_ crate: String, _ version: String, bytes: [UInt8]) -> String {
    content.withLock { $0.files["/crates/\(crate)/\(version)/download"] = bytes }
    return SHA256.hex(of: bytes)
  }

  /// Publishes a `.crate` with one binary; its checksum.
  func publishProgram(_ crate: String, _ version: String) throws -> String {
    let manifest = """
      [package]
      name = "\(crate)"
      version = "\(version)"
      edition = "2021"
      description = "A test"
      """
    let root = "\(crate)-\(version)"
    return publish(
      crate, version,
      bytes: try Self.archive([
        "\(root)/Cargo.toml": manifest, "\(root)/src/main.rs": "fn main() {}",
      ]))
  }

  static func archive(_ files: [String: String]) throws -> [UInt8] {
    let url = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).crate")
    defer { try? FileManager.default.removeItem(at: url) }
    let inputs = files.map { ArchiveInput(path: $0.key, content: .bytes(Array($0.value.utf8))) }
    try writeReproducibleTarGz(entries: inputs, to: url.path, modificationTime: 0)
    return Array(try Data(contentsOf: url))
  }
}

extension FakeRegistry.Content {
  fileprivate mutating func answer(_ request: ServedRequest) -> ServedAnswer {
    let answer = find(request)
    log.append("\(request.method) \(request.path) \(answer.status)")
    return answer
  }

  private func find(_ request: ServedRequest) -> ServedAnswer {
    if let status = statuses[request.path] { return ServedAnswer(status: status) }
    guard let bytes = files[request.path] else { return ServedAnswer(status: 404) }
    let etag = "\"\(SHA256.hex(of: bytes).prefix(16))\""
    if request.headers["if-none-match"] == etag { return ServedAnswer(status: 304) }
    return ServedAnswer(headers: ["ETag": etag], body: bytes)
  }
}

/// A line of an index file.
func indexLine(_ crate: String, _ version: String, _ checksum: String, yanked: Bool = false)
  -> String
{
  #"{"name":"\#(crate)","vers":"\#(version)","deps":[],"cksum":"\#(checksum)","features":{},"#
    + #""yanked":\#(yanked)}"#
}

/// A value behind a lock, to be shared with a server's threads.
final class Shared<Value: Sendable>: Sendable {
  private let mutex: Mutex<Value>
  init(_ value: Value) { mutex = Mutex(value) }
  func withLock<Result: Sendable>(_ body: (inout Value) -> Result) -> Result {
    mutex.withLock { body(&$0) }
  }
}
