import BuilderProtocol
import Cryptography
import Database
import SimulatedBuilders

/// A builder that does exactly what a test tells it.
struct ScriptedBuilder: Sendable {
  var simulated: SimulatedBuilder

  init(
    name: String = "scripted", key: Ed25519.PrivateKey = Ed25519.PrivateKey(), slots: Int = 1
  ) {
    simulated = SimulatedBuilder(name: name, key: key, slots: slots, targets: [BackendFarm.x86])
  }

  var capabilities: Capabilities { simulated.capabilities }

  /// Connects and proves the key; `body` gets the conversation before `welcome` was awaited.
  func connect<Result>(
    _ farm: BackendFarm, token: String? = nil, origin: String? = nil,
    _ body: (SimulatedSession) async throws -> Result
  ) async throws -> Result {
    try await simulated.connect(to: farm.url, origin: origin, invitation: token, body)
  }

  /// Connects as an approved builder that is ready for work.
  func work<Result>(
    _ farm: BackendFarm, ready: Bool = true,
    _ body: (SimulatedSession) async throws -> Result
  ) async throws -> Result {
    let invitation = Random.token()
    try await farm.database.invite(
      tokenHash: SHA256.hex(of: invitation), note: "", validForSeconds: 60)
    return try await connect(farm, token: invitation) { session in
      guard case .welcome = try await session.next() else { throw SimulationError.unexpected }
      try await session.send(.capabilities(capabilities))
      if ready { try await session.send(.ready(Ready(slots: simulated.slots))) }
      return try await body(session)
    }
  }
}
