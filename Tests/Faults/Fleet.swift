import Cryptography
import Postgres
import SimulatedBuilders
import Synchronization
import Transfer

/// Something that is switched on once.
final class Switch: Sendable {
  private let state = Mutex(false)
  var isOn: Bool { state.withLock { $0 } }
  func turnOn() { state.withLock { $0 = true } }
}

/// All simulated builders.
struct Fleet: Sendable {
  let builders: [FleetBuilder]
  let context: FleetContext

  init(count: Int, targets: [String], context: FleetContext) {
    self.context = context
    builders = (0..<count).map { FleetBuilder(index: $0, targets: targets, fleet: context) }
  }

  /// Lets them into the farm, as an operator would.
  func enrol(on database: PostgresAddress) async throws {
    let connection = try await PostgresConnection(connecting: database)
    for builder in builders {
      try await connection.query(
        "INSERT INTO builders (name, public_key, state) VALUES ($1, $2, 'approved')",
        [
          .text(builder.simulated.name),
          .text(Hex.encode(builder.simulated.key.publicKey)),
        ])
    }
    await connection.close()
  }

  /// Works until the task is cancelled.
  func run() async {
    await withDiscardingTaskGroup { group in
      for builder in builders { group.addTask { await builder.run() } }
    }
  }

  /// Nothing more goes wrong by itself.
  func calm() async {
    context.isCalm.turnOn()
    for builder in builders { await builder.heal() }
  }
}
