import BuilderProtocol
import Cryptography
import Database
import ExecutorKit
import FarmModel
import Foundation
import Testing
import WebSockets

/// A builder that does exactly what a test tells it.
struct ScriptedBuilder: Sendable {
  var name = "scripted"
  var key = Ed25519.PrivateKey()
  var slots = 1

  /// Connects and proves the key; `body` gets the conversation before `welcome` was awaited.
  func connect<Result>(
    _ farm: BackendFarm, token: String? = nil, origin: String? = nil,
    _ body: (ScriptedSession) async throws -> Result
  ) async throws -> Result {
    let client = try WebSocketClient(url: farm.url + "/api/v1/builder")
    return try await client.connect { socket, messages in
      let session = ScriptedSession(socket, messages)
      try await session.send(
        .hello(
          Hello(
            protocolRange: [1, 1], name: name, publicKey: Hex.encode(key.publicKey), version: "0.1",
            enrolmentToken: token)))
      guard case .challenge(let challenge) = try await session.next() else {
        throw ScriptedBuilderError.unexpected
      }
      let origin = origin ?? farm.url
      let nonce = try #require(Hex.decode(challenge.nonce))
      let signature = key.sign(challengeMessage(nonce: nonce, origin: origin))
      try await session.send(
        .authenticate(Authenticate(signature: Hex.encode(signature), origin: origin)))
      return try await body(session)
    }
  }

  /// Connects as an approved builder that is ready for work.
  func work<Result>(
    _ farm: BackendFarm, ready: Bool = true,
    _ body: (ScriptedSession) async throws -> Result
  ) async throws -> Result {
    let invitation = Random.token()
    try await farm.database.invite(
      tokenHash: SHA256.hex(of: invitation), note: "", validForSeconds: 60)
    return try await connect(farm, token: invitation) { session in
      guard case .welcome = try await session.next() else { throw ScriptedBuilderError.unexpected }
      try await session.send(.capabilities(capabilities))
      if ready { try await session.send(.ready(Ready(slots: slots))) }
      return try await body(session)
    }
  }

  var capabilities: Capabilities {
    Capabilities(
      modules: [Capabilities.Module(name: "fake", version: "1")],
      targets: [BackendFarm.x86].map {
        Capabilities.Target(triple: $0, module: "fake", health: .ready(toolchains: ["1.96.0"]))
      },
      architecture: "x86_64", cores: 2, memoryBytes: Int64(8 * slots) << 30, diskBytes: 1 << 40,
      slots: slots)
  }
}

enum ScriptedBuilderError: Error { case unexpected, ended }

/// The builder's side of a conversation.
final class ScriptedSession {
  private let socket: WebSocket
  private var messages: WebSocketMessages.AsyncIterator

  init(_ socket: WebSocket, _ messages: WebSocketMessages) {
    self.socket = socket
    self.messages = messages.makeAsyncIterator()
  }

  func send(_ message: BuilderMessage) async throws { try await socket.send(message.encoded()) }
  func send(text: String) async throws { try await socket.send(text) }

  /// The next message; throws `WebSocketError` when the backend has closed with an error code.
  func next() async throws -> BackendMessage {
    guard case .text(let text) = try await messages.next() else {
      throw ScriptedBuilderError.ended
    }
    return try BackendMessage(decoding: text)
  }

  /// How the backend has closed the connection.
  func closing() async throws -> WebSocketError? {
    do {
      while true { _ = try await next() }
    } catch let error as WebSocketError {
      return error
    }
  }

  /// The next job that is assigned; other messages before it are passed over.
  func assigned() async throws -> AssignedJob {
    while true {
      if case .assign(let assign) = try await next(), let job = assign.jobs.first { return job }
    }
  }

  /// What the backend says about a `finished`.
  func finish(_ job: AssignedJob, _ outcome: AttemptOutcome, report: BuildReport? = nil)
    async throws -> BackendMessage
  {
    try await send(
      .finished(Finished(job: job.job, attempt: job.attempt, outcome: outcome, report: report)))
    while true {
      switch try await next() {
      case .renewed, .logReceived, .resumed: continue
      case let message: return message
      }
    }
  }

  func log(_ job: AssignedJob, _ sequence: Int, _ text: String) async throws {
    try await send(
      .log(LogChunk(job: job.job, attempt: job.attempt, sequence: sequence, text: text)))
  }
}

extension AssignedJob {
  /// The name of the archive that the job must upload.
  var archive: String {
    ArtifactName.archive(
      crate: plan.inputs.crate, version: plan.inputs.version, target: plan.inputs.target)
  }

  /// A report that names one file.
  func report(_ bytes: [UInt8], name: String? = nil) -> BuildReport {
    let inspection = Inspection(
      format: "ELF64", machine: "x86_64", endianness: "little", interpreter: "/lib64/ld.so",
      needed: ["libc.so.6"], glibcFloor: "2.34")
    let smoke = SmokeReport(
      arguments: ["--version"], verdict: .answered, output: "tool 1.0.0\n", exitStatus: 0,
      runner: [])
    return BuildReport(
      binaries: [
        BinaryReport(
          name: "tool", size: 4, sha256: SHA256.hex(of: "tool"), inspection: inspection,
          smoke: [smoke])
      ], leftOut: [],
      environment: EnvironmentIdentity(
        digest: "sha256:e", rustc: "rustc 1.96.0 (abc)", cargo: "cargo 1.96.0", linker: "gcc"),
      seconds: ["build": 1.5],
      artifacts: [
        ArtifactReport(
          name: name ?? archive, kind: .binary, size: Int64(bytes.count),
          sha256: SHA256.hex(of: bytes))
      ])
  }
}
