public import FarmModel
import Postgres

/// What a registry sync is told that asks for the lease.
public enum RegistryLeaseAnswer: Sendable, Equatable {
  case granted(RegistryLeaseGrant)
  /// Another one has it, for so much longer.
  case held(RegistryLeaseRefusal)
}

extension FarmDatabase {
  /// How long a registry sync's lease lasts, in seconds.
  public static let registryLeaseSeconds = 30

  /// Renews the lease of who has it, even one that has run out while nobody else wanted it, or gives it
  /// to who asks while nobody has it, under the next fence.
  ///
  /// Waits for a body that is being kept under the fence of the holder before.
  public func leaseRegistry(_ request: RegistryLeaseRequest) async throws -> RegistryLeaseAnswer {
    try await leaseRegistry(request) { try $0.run(RegistryLeaseStatements.Renew(request)).first }
  }

  /// As ``leaseRegistry(_:)``, but who has the lease gets it under a newer fence than the one it knows: what
  /// it has sent under that and got no answer to is refused from then on, wherever it still is. A body that is
  /// being kept meanwhile comes before the next one.
  ///
  /// The same request again gets the same fence. One that is older than that changes nothing.
  public func raiseRegistryFence(
    _ request: RegistryLeaseRequest
  ) async throws -> RegistryLeaseAnswer {
    try await leaseRegistry(request) { try $0.run(RegistryLeaseStatements.Raise(request)).first }
  }

  private func leaseRegistry(
    _ request: RegistryLeaseRequest,
    renew: @escaping @Sendable (isolated PostgresConnection) throws -> Int64?
  ) async throws -> RegistryLeaseAnswer {
    try await pool.transaction { connection in
      if let fence = try renew(connection) { return .granted(Self.grant(fence)) }
      if let refusal = try connection.run(RegistryLeaseStatements.Holder()).first {
        return .held(refusal)
      }
      try connection.run(RegistryLeaseStatements.Alone())
      if let fence = try connection.run(RegistryLeaseStatements.Take(request)).first {
        return .granted(Self.grant(fence))
      }
      let refusal = try connection.run(RegistryLeaseStatements.Holder()).first
      return .held(refusal ?? RegistryLeaseRefusal(holder: "", seconds: 1))
    }
  }

  private static func grant(_ fence: Int64) -> RegistryLeaseGrant {
    RegistryLeaseGrant(fence: fence, seconds: Double(registryLeaseSeconds))
  }

  /// Gives the lease back; nothing happens where the request does not hold it any more.
  public func releaseRegistry(_ request: RegistryLeaseRequest) async throws {
    try await pool.run(RegistryLeaseStatements.Release(request))
  }
}

extension PostgresConnection {
  /// Until the end of the transaction nobody else writes what syncs tell, nor takes the lease.
  ///
  /// - Parameter fence: of the sync's lease; nil: it has none.
  /// - Throws: ``RegistryError/staleFence(_:)``.
  func holdRegistry(fence: Int64?) throws {
    try run(RegistryLeaseStatements.Alone())
    guard let fence else { return }
    let newest = try run(RegistryLeaseStatements.Fence()).first
    guard newest == fence else { throw RegistryError.staleFence(fence) }
  }
}

enum RegistryLeaseStatements {
  static let all: [any Statement.Type] = [
    Renew.self, Raise.self, Alone.self, Take.self, Holder.self, Release.self, Fence.self,
  ]

  /// Until the end of the transaction no other body is kept and nobody else takes the lease.
  struct Alone: Statement {
    static let sql = "SELECT pg_advisory_xact_lock(hashtext('builds.rs registry'))"
  }

  /// Does not wait for a body that is being kept.
  struct Renew: Statement {
    static let sql = """
      UPDATE registry_lease
      SET expires_at = clock_timestamp() + interval '\(FarmDatabase.registryLeaseSeconds) s'
      WHERE fence = $2 AND holder = $1
      RETURNING fence
      """
    let parameters: [PostgresValue]
    init(_ request: RegistryLeaseRequest) {
      parameters = [.text(storable(request.holder)), .optional(request.fence)]
    }
    func decode(_ row: PostgresRow) throws -> Int64 { Int64(try row.int("fence")) }
  }

  /// A request whose answer was lost has raised it already. Does not wait for a body that is being kept: the
  /// next one does.
  struct Raise: Statement {
    static let sql = """
      UPDATE registry_lease
      SET fence = $2::bigint + 1,
          expires_at = clock_timestamp() + interval '\(FarmDatabase.registryLeaseSeconds) s'
      WHERE holder = $1 AND fence IN ($2::bigint, $2::bigint + 1)
      RETURNING fence
      """
    let parameters: [PostgresValue]
    init(_ request: RegistryLeaseRequest) {
      parameters = [.text(storable(request.holder)), .optional(request.fence)]
    }
    func decode(_ row: PostgresRow) throws -> Int64 { Int64(try row.int("fence")) }
  }

  struct Take: Statement {
    static let sql = """
      UPDATE registry_lease
      SET fence = fence + 1, holder = $1,
          expires_at = clock_timestamp() + interval '\(FarmDatabase.registryLeaseSeconds) s'
      WHERE holder IS NULL OR expires_at <= clock_timestamp()
      RETURNING fence
      """
    let parameters: [PostgresValue]
    init(_ request: RegistryLeaseRequest) { parameters = [.text(storable(request.holder))] }
    func decode(_ row: PostgresRow) throws -> Int64 { Int64(try row.int("fence")) }
  }

  /// Who has the lease; no row: nobody.
  struct Holder: Statement {
    static let sql = """
      SELECT holder, greatest(0, extract(epoch FROM expires_at - clock_timestamp()))::float8 AS seconds
      FROM registry_lease WHERE holder IS NOT NULL AND expires_at > clock_timestamp()
      """
    func decode(_ row: PostgresRow) throws -> RegistryLeaseRefusal {
      RegistryLeaseRefusal(
        holder: try row.text("holder"), seconds: try row.double("seconds"))
    }
  }

  struct Release: Statement {
    static let sql = """
      UPDATE registry_lease SET holder = NULL, expires_at = NULL WHERE fence = $2 AND holder = $1
      """
    let parameters: [PostgresValue]
    init(_ request: RegistryLeaseRequest) {
      parameters = [.text(storable(request.holder)), .optional(request.fence)]
    }
  }

  /// The newest fence.
  struct Fence: Statement {
    static let sql = "SELECT fence FROM registry_lease"
    func decode(_ row: PostgresRow) throws -> Int64 { Int64(try row.int("fence")) }
  }
}
