import FarmModel
import Foundation

/// The part of a backend that a sync talks to.
final class FakeBackend: Sendable {
  struct State: Sendable {
    /// What the next requests are answered with; 200: a receipt.
    var status = 200
    /// Bodies that hold this text are refused.
    var refusedText: String?
    var bodies: [[UInt8]] = []
    var requests = 0
  }

  static let token = "secret"
  private let state: Shared<State>
  private let server: LocalServer
  /// One element for every body that was taken.
  let taken: AsyncStream<Void>

  init() throws {
    let state = Shared(State())
    let (taken, continuation) = AsyncStream.makeStream(of: Void.self)
    self.state = state
    self.taken = taken
    server = try LocalServer { request in
      let answer = state.withLock { $0.answer(request) }
      if answer.status == 200 { continuation.yield() }
      return answer
    }
  }

  var url: String { server.url }
  var requests: Int { state.withLock(\.requests) }

  func answer(with status: Int) { state.withLock { $0.status = status } }

  func refuse(_ text: String) { state.withLock { $0.refusedText = text } }

  /// The bodies since the last call.
  func takeBodies() -> [[UInt8]] {
    state.withLock { state in
      defer { state.bodies = [] }
      return state.bodies
    }
  }

  /// The records since the last call, without checking how they were cut into bodies.
  func takeRecords() throws -> [RegistryRecord] {
    try takeBodies().flatMap { body in
      try body.split(separator: 10).map {
        try JSONDecoder().decode(RegistryRecord.self, from: Data($0))
      }
    }
  }

  /// The version lines since the last call, such as `abc 1.0.0`, in the order of their arrival.
  func takeVersions() throws -> [RegistryVersion] {
    try takeRecords().compactMap { record in
      guard case .version(let version) = record else { return nil }
      return version
    }
  }
}

extension FakeBackend.State {
  fileprivate mutating func answer(_ request: ServedRequest) -> ServedAnswer {
    requests += 1
    let isRight =
      request.method == "POST" && request.path == "/api/v1/registry/versions"
      && request.headers["content-type"] == "application/x-ndjson"
    guard isRight else { return ServedAnswer(status: 404) }
    guard request.headers["authorization"] == "Bearer \(FakeBackend.token)" else {
      return ServedAnswer(status: 401)
    }
    guard status == 200 else {
      return ServedAnswer(status: status, body: Array(#"{"detail":"as the test wants"}"#.utf8))
    }
    if let refusedText, request.body.firstRange(of: Array(refusedText.utf8)) != nil {
      return ServedAnswer(status: 422, body: Array(#"{"detail":"the name is taken"}"#.utf8))
    }
    bodies.append(request.body)
    let lines = request.body.count { $0 == 10 } - 1
    let receipt = RegistryReceipt(added: lines, changed: 0, unchanged: 0, jobs: 1)
    return ServedAnswer(body: Array((try? JSONEncoder().encode(receipt)) ?? Data()))
  }
}
