public import BuilderProtocol
public import Cryptography
import ExecutorKit
public import WebSockets

/// A builder that speaks the real protocol and builds nothing: what it does is up to its caller.
public struct SimulatedBuilder: Sendable {
  /// The executor module that it claims to have.
  public static let module = "fake"

  public var name: String
  public var key: Ed25519.PrivateKey
  public var slots: Int
  /// The triples that it claims to build for.
  public var targets: [String]
  public var protocolRange = [1, 1]
  /// Which run of its program it says that it is; nil: nothing.
  public var instance: String?
  public var configuration = WebSocketConfiguration()

  public init(
    name: String, key: Ed25519.PrivateKey = Ed25519.PrivateKey(), slots: Int = 1,
    targets: [String]
  ) {
    self.name = name
    self.key = key
    self.slots = slots
    self.targets = targets
  }

  /// 8 GiB of memory a slot, and a disk that is large enough.
  public var capabilities: Capabilities {
    Capabilities(
      modules: [Capabilities.Module(name: Self.module, version: "1")],
      targets: targets.map {
        Capabilities.Target(
          triple: $0, module: Self.module, health: .ready(toolchains: ["1.96.0"]))
      },
      architecture: "x86_64", cores: 2, memoryBytes: Int64(8 * max(1, slots)) << 30,
      diskBytes: 1 << 40, slots: slots)
  }

  /// Connects and proves the key; `body` gets the conversation before `welcome` was awaited. The
  /// connection ends with it.
  ///
  /// - Parameters:
  ///   - url: of the backend, such as `http://127.0.0.1:8080`.
  ///   - origin: what it signs as the origin that it has dialled; nil: `url`.
  ///   - invitation: an enrolment token.
  public func connect<Result>(
    to url: String, origin: String? = nil, invitation: String? = nil,
    _ body: (SimulatedSession) async throws -> Result
  ) async throws -> Result {
    let client = try WebSocketClient(url: url + "/api/v1/builder", configuration: configuration)
    return try await client.connect { socket, messages in
      let session = SimulatedSession(socket, messages)
      try await session.send(
        .hello(
          Hello(
            protocolRange: protocolRange, name: name, publicKey: Hex.encode(key.publicKey),
            version: "0.1", enrolmentToken: invitation, instance: instance)))
      guard case .challenge(let challenge) = try await session.next(),
        let nonce = Hex.decode(challenge.nonce)
      else { throw SimulationError.unexpected }
      let origin = origin ?? url
      let signature = key.sign(challengeMessage(nonce: nonce, origin: origin))
      try await session.send(
        .authenticate(Authenticate(signature: Hex.encode(signature), origin: origin)))
      return try await body(session)
    }
  }
}

/// What a simulated builder did not expect.
public enum SimulationError: Error, Sendable, Equatable {
  /// A message of another type.
  case unexpected
  /// The backend has closed the connection.
  case ended
}
