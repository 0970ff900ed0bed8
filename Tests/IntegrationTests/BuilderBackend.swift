import Builder
import BuilderProtocol
import Cryptography
import ExecutorKit
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization
import Testing
import WebSockets

/// What a builder has uploaded to a test.
struct ReceivedUpload: Sendable, Equatable {
  var file: String
  var bytes: [UInt8]
  var authorization: String?
  var digest: String?
}

/// The backend's side of one connection, as a test's script sees it.
final class BackendConversation: Sendable {
  let socket: WebSocket
  private let reader: Reader

  private actor Reader {
    private var iterator: WebSocketMessages.AsyncIterator
    init(_ messages: WebSocketMessages) { iterator = messages.makeAsyncIterator() }
    /// A copy is advanced: its state is shared with NIO's channel, and one task reads.
    func next() async throws -> WebSocketMessage? {
      var copy = iterator
      defer { iterator = copy }
      return try await copy.next(isolation: self)
    }
  }

  init(_ socket: WebSocket, _ messages: WebSocketMessages) {
    self.socket = socket
    reader = Reader(messages)
  }

  func send(_ message: BackendMessage) async throws { try await socket.send(message.encoded()) }

  func next() async throws -> BuilderMessage {
    guard case .text(let text)? = try await reader.next() else {
      throw WebSocketError.connectionLost
    }
    return try BuilderMessage(decoding: text)
  }

  /// Reads until a message is what the test waits for; heartbeats are renewed on the way.
  func next<Found>(_ match: (BuilderMessage) -> Found?) async throws -> Found {
    while true {
      let message = try await next()
      if let found = match(message) { return found }
      if case .heartbeat(let beat) = message {
        try await send(.renewed(Renewed(attempts: beat.attempts, leaseSeconds: 60)))
      }
    }
  }

  func finished() async throws -> Finished {
    try await next { if case .finished(let finished) = $0 { finished } else { nil } }
  }

  func ready() async throws -> Int {
    try await next { if case .ready(let ready) = $0 { ready.slots } else { nil } }
  }

  /// Hello, challenge, signature, welcome; the capabilities that follow.
  func welcome(origin: String, heartbeatSeconds: Int = 15) async throws -> Capabilities {
    guard case .hello(let hello) = try await next() else { throw WebSocketError.connectionLost }
    let nonce = Random.bytes(32)
    try await send(.challenge(Challenge(nonce: Hex.encode(nonce))))
    guard case .authenticate(let answer) = try await next() else {
      throw WebSocketError.connectionLost
    }
    #expect(answer.origin == origin)
    #expect(
      Ed25519.isValid(
        signature: try #require(Hex.decode(answer.signature)),
        for: challengeMessage(nonce: nonce, origin: origin),
        publicKey: try #require(Hex.decode(hello.publicKey))))
    try await send(
      .welcome(
        Welcome(
          session: "test", protocolVersion: 1, heartbeatSeconds: heartbeatSeconds,
          leaseSeconds: 60)))
    return try await next {
      if case .capabilities(let capabilities) = $0 { capabilities } else { nil }
    }
  }

  /// Assigns a job.
  func assign(_ job: AssignedJob) async throws {
    try await send(
      .assign(
        Assign(
          jobs: [job], registry: .init(downloadTemplate: job.sourceURL + "/{crate}/{version}"))))
  }
}

/// A backend that plays a script a connection, and takes uploads.
final class BuilderBackend: Sendable {
  typealias Script = @Sendable (BackendConversation, BuilderBackend) async throws -> Void

  let uploads = Collector<ReceivedUpload>()
  /// What the builder's operator wants of it.
  let stops: AsyncStream<StopRequest>
  private let stop: AsyncStream<StopRequest>.Continuation
  private let scripts: [Script]
  private let connections = Collector<Int>()
  private let crate: [UInt8]
  /// The statuses that uploads are answered with, in order; then 201.
  private let uploadStatuses: [Int]
  private let port = Collector<Int>()

  init(crate: [UInt8], uploadStatuses: [Int] = [], scripts: [Script]) {
    self.crate = crate
    self.uploadStatuses = uploadStatuses
    self.scripts = scripts
    (stops, stop) = AsyncStream.makeStream()
  }

  /// Asks the builder to end when it is done, as SIGTERM does.
  func stopBuilder() { stop.yield(.drain) }

  var origin: String { "http://127.0.0.1:\(port.all.first ?? 0)" }

  /// Runs the server for the time of `body`.
  func serve(_ body: @escaping @Sendable (String) async throws -> Void) async throws {
    try await withLocalServer(router: router(), decide: decide) { server in
      self.port.add(server.port)
      try await body(self.origin)
    }
  }

  private var decide: WebSocketChannel.Decide {
    { request in
      guard request.path == "/api/v1/builder" else { return nil }
      return { socket, messages in
        let number = self.connections.add(1) - 1
        guard number < self.scripts.count else { return socket.close(.tryAgainLater) }
        do {
          try await self.scripts[number](BackendConversation(socket, messages), self)
        } catch {
          Issue.record("script \(number): \(error)")
        }
      }
    }
  }

  private func router() -> Router<BasicRequestContext> {
    let router = Router()
    router.get("/crate") { _, _ in
      Response(status: .ok, body: .init(byteBuffer: .init(bytes: self.crate)))
    }
    router.put("/upload/{file}") { request, context in
      let body = try await request.body.collect(upTo: 64 << 20)
      let digest = HTTPField.Name("Content-Digest").flatMap { request.headers[$0] }
      let count = self.uploads.add(
        ReceivedUpload(
          file: try context.parameters.require("file"), bytes: Array(body.readableBytesView),
          authorization: request.headers[.authorization], digest: digest))
      let status = count <= self.uploadStatuses.count ? self.uploadStatuses[count - 1] : 201
      return HTTPResponse.Status(code: status)
    }
    return router
  }

  /// A job of the crate `hello` for the fake module.
  func job(_ number: Int64, fake: [String: String]) -> AssignedJob {
    let configuration = fake.mapValues { ConfigurationValue.text($0) }
    let checksum = SHA256.hex(of: crate)
    return AssignedJob(
      job: number, attempt: 1, leaseSeconds: 60,
      plan: Plan(
        inputs: BuildInputs(
          crate: "hello", version: "1.0.0", checksum: checksum,
          target: "x86_64-unknown-linux-gnu", executor: "fake",
          configuration: .map(configuration)),
        checks: BuildChecks(needed: ["libc.so.6", "ld-linux-x86-64.so.2", "libselinux.so.1"]),
        limits: Limits(timeSeconds: 60)),
      sourceURL: origin + "/crate", sourceChecksum: checksum, uploadURL: origin + "/upload",
      uploadToken: "secret")
  }
}

/// Values from several tasks, in the order of their arrival.
final class Collector<Element: Sendable>: Sendable {
  private let values = Mutex<[Element]>([])

  /// - Returns: How many there are now.
  @discardableResult
  func add(_ value: Element) -> Int {
    values.withLock { values in
      values.append(value)
      return values.count
    }
  }

  var all: [Element] { values.withLock { $0 } }
}
