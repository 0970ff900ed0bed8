import Builder
import BuilderProtocol
import Cryptography
import ExecutorKit
import Testing

/// A session's partner in conversation, with values that the tests need not repeat.
enum Fixture {
  static let now = ContinuousClock.now
  static let origin = "http://127.0.0.1:8080"
  static let nonce = [UInt8](repeating: 7, count: 32)

  static func identity() throws -> BuilderIdentity {
    try #require(BuilderIdentity(seed: [UInt8](repeating: 1, count: 32)))
  }

  static func capabilities(slots: Int, disk: Int64 = 1000) -> Capabilities {
    Capabilities(
      modules: [.init(name: "fake", version: "1.0.0")], targets: [], architecture: "x86_64",
      cores: 2, memoryBytes: 1, diskBytes: disk, slots: slots)
  }

  static func session(slots: Int = 1) throws -> BuilderSession {
    BuilderSession(
      identity: try identity(), name: "alpha", version: "0.1.0", instance: "this run",
      capabilities: capabilities(slots: slots))
  }

  static let welcome = BackendMessage.welcome(
    Welcome(session: "s1", protocolVersion: 1, heartbeatSeconds: 15, leaseSeconds: 60))

  /// Through hello, challenge and welcome.
  @discardableResult
  static func enter(_ session: inout BuilderSession) -> [BuilderAction] {
    _ = session.connected(origin: origin)
    _ = session.received(.challenge(Challenge(nonce: Hex.encode(nonce))), at: now)
    return session.received(welcome, at: now)
  }

  static func job(_ number: Int64, attempt: Int32 = 1) -> AssignedJob {
    AssignedJob(
      job: number, attempt: attempt, leaseSeconds: 60,
      plan: Plan(
        inputs: BuildInputs(
          crate: "hexyl", version: "0.8.0", checksum: "", target: "x86_64-unknown-linux-gnu",
          executor: "fake", configuration: .map([:])),
        checks: BuildChecks(), limits: Limits()),
      sourceURL: "http://r/hexyl", sourceChecksum: "", uploadURL: "http://b/upload",
      uploadToken: "t")
  }

  static func assign(_ numbers: Int64...) -> BackendMessage {
    .assign(
      Assign(jobs: numbers.map { job($0) }, registry: .init(downloadTemplate: "http://r/{crate}")))
  }

  static func reference(_ number: Int64) -> AttemptReference {
    AttemptReference(job: number, attempt: 1)
  }

  static func start(_ number: Int64) -> BuilderAction {
    .start(job(number), downloadTemplate: "http://r/{crate}")
  }

  static func ready(_ slots: Int) -> BuilderAction { .send(.ready(Ready(slots: slots))) }

  static func log(_ number: Int64, _ sequence: Int, _ text: String) -> BuilderAction {
    .send(.log(LogChunk(job: number, attempt: 1, sequence: sequence, text: text)))
  }
}
