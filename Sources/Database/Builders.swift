import FarmModel
public import Foundation
import Postgres
import Scheduling

/// A builder as the database knows it.
public struct StoredBuilder: Sendable, Equatable {
  public enum State: String, Sendable, Codable { case pending, approved, disabled }
  public var id: Int64
  public var name: String
  public var publicKey: String
  public var state: State
  public var isDraining: Bool
  public var version: String?
  /// The last `capabilities` message as JSON.
  public var capabilities: String?
  public var createdAt: Date
  public var lastSeenAt: Date?
  /// How many leases it holds.
  public var leases: Int
  /// It gets no job before this time; nil: it may.
  public var quarantinedUntil: Date?
  /// The number of its newest session; 0: it has never been here.
  public var session: Int64
}

/// A text names several builders: names are the builders' own choice, and anybody may connect with
/// the name of one that waits to be approved.
public struct AmbiguousBuilder: Error, Sendable, Equatable, CustomStringConvertible {
  public var text: String
  /// The public keys of those that it names.
  public var keys: [String]

  public init(text: String, keys: [String]) {
    self.text = text
    self.keys = keys
  }

  public var description: String {
    "“\(text)” names \(keys.count) builders: give the beginning of the right one's key, of "
      + keys.map { String($0.prefix(16)) }.joined(separator: ", ")
  }
}

/// So many builders wait to be approved that no more are remembered.
public struct TooManyPendingBuilders: Error, Sendable, Equatable, CustomStringConvertible {
  /// Whoever can connect can make keys: without a bound they would fill the database.
  public static let most = 1000

  public var description: String {
    "\(Self.most) builders wait to be approved: ask an operator for an invitation"
  }
}

/// Another program with the same key is connected, and was heard of just now.
public struct BuilderIsConnected: Error, Sendable, Equatable, CustomStringConvertible {
  public var description: String {
    """
    another program is connected with this builder's key: one at a time is let in. Give each builder a state \
    directory, and so a key, of its own; where the other one is gone, this one is let in soon
    """
  }
}

extension FarmDatabase {
  /// Finds a builder by its key or makes it: `approved` with a valid invitation, which is used up,
  /// else `pending`. Begins its next session, after which the older ones claim nothing more; whoever serves
  /// those is told on ``buildersChannel``.
  ///
  /// - Parameters:
  ///   - tokenHash: SHA-256 of the invitation, hexadecimal; nil: none was presented.
  ///   - instance: which run of the builder's program it is; nil: not told.
  /// - Throws: ``TooManyPendingBuilders``; ``BuilderIsConnected`` where another run of the program is
  ///   connected, and was heard of in the last two heartbeats.
  public func registerBuilder(
    name: String, publicKey: String, version: String, tokenHash: String?, instance: String? = nil
  ) async throws -> StoredBuilder {
    try await pool.transaction { connection in
      guard
        let builder = try connection.run(
          BuilderStatements.Upsert(
            name: name, publicKey: publicKey, version: version, tokenHash: tokenHash,
            instance: instance, patience: 2 * terms.heartbeatSeconds)
        ).first
      else {
        guard try connection.run(BuilderStatements.Exists(publicKey: publicKey)).isEmpty else {
          throw BuilderIsConnected()
        }
        throw TooManyPendingBuilders()
      }
      try connection.run(BuilderStatements.Tell(builder: builder.id))
      guard builder.state == .pending, let tokenHash else { return builder }
      let used = try connection.change(
        BuilderStatements.UseInvitation(tokenHash: tokenHash, builder: builder.id))
      guard used == 1 else { return builder }
      return try connection.run(BuilderStatements.SetState(builder: builder.id, state: .approved))
        .first ?? builder
    }
  }

  /// Notes that the connection of a session has ended; nothing where a newer one has begun.
  public func leave(builder: Int64, session: Int64) async throws {
    try await pool.run(BuilderStatements.Leave(builder: builder, session: session))
  }

  /// All builders, the latest seen first.
  public func builders() async throws -> [StoredBuilder] {
    try await pool.run(BuilderStatements.List())
  }

  /// Sets the state of the builder that a name, a number or the beginning of a key (8 digits or
  /// more) names; answers it, or nothing where there is none. Disables all that are named so: their jobs
  /// are others' at once, uncharged.
  ///
  /// - Throws: ``AmbiguousBuilder`` where several would be approved.
  public func setBuilderState(_ which: String, to state: StoredBuilder.State) async throws
    -> [StoredBuilder]
  {
    let ids = try await named(which, isOne: state != .disabled)
    return try await pool.transaction { connection in
      // Jobs before builders, as whoever ends an attempt locks them.
      if state == .disabled {
        for id in ids { try connection.run(LeaseStatements.OfBuilder(builder: id)) }
      }
      return try ids.flatMap { id in
        let changed = try connection.run(BuilderStatements.SetState(builder: id, state: state))
        guard state == .disabled else {
          try connection.run(BuilderStatements.Tell(builder: id))
          return changed
        }
        // No claim comes after this; one that came before is seen.
        let leases = try connection.run(LeaseStatements.OfBuilder(builder: id))
        try connection.giveBack(
          leases.map { ($0.job, $0.attempt) }, of: id, because: "its builder was disabled")
        try connection.run(BuilderStatements.Tell(builder: id))
        return changed.map { builder in
          var builder = builder
          builder.leases = 0
          return builder
        }
      }
    }
  }

  /// Makes the builder that a text names, as for ``setBuilderState(_:to:)``, take no more jobs, or take
  /// them again; what it has it finishes.
  ///
  /// - Throws: ``AmbiguousBuilder``.
  public func setDraining(_ which: String, _ isDraining: Bool) async throws -> [StoredBuilder] {
    let ids = try await named(which, isOne: true)
    return try await pool.transaction { connection in
      try ids.flatMap { id in
        try connection.run(BuilderStatements.Tell(builder: id))
        return try connection.run(
          BuilderStatements.SetDraining(builder: id, isDraining: isDraining))
      }
    }
  }

  private func named(_ which: String, isOne: Bool) async throws -> [Int64] {
    let named = try await builders().filter { builder in
      builder.name == which || String(builder.id) == which
        || (which.count >= 8 && builder.publicKey.hasPrefix(which.lowercased()))
    }
    guard named.count < 2 || !isOne else {
      throw AmbiguousBuilder(text: which, keys: named.map(\.publicKey).sorted())
    }
    return named.map(\.id)
  }

  /// Keeps an invitation by its hash.
  public func invite(tokenHash: String, note: String, validForSeconds: Int) async throws {
    try await pool.run(
      BuilderStatements.Invite(tokenHash: tokenHash, note: note, seconds: validForSeconds))
  }

  /// Keeps what a builder advertises, and that it was seen now.
  ///
  /// - Parameter json: the `capabilities` message's fields.
  public func setCapabilities(builder: Int64, json: String) async throws {
    try await pool.run(BuilderStatements.SetCapabilities(builder: builder, json: json))
  }
}

enum BuilderStatements {
  static let all: [any Statement.Type] = [
    Upsert.self, Exists.self, Leave.self, UseInvitation.self, SetState.self, SetDraining.self,
    List.self, Invite.self,
    SetCapabilities.self, Tell.self,
  ]

  static let columns = """
    b.id, b.name, b.public_key, b.state, b.draining, b.version, b.capabilities::text AS capabilities,
    b.created_at, b.last_seen_at, b.session,
    CASE WHEN b.quarantined_until > clock_timestamp() THEN b.quarantined_until END AS quarantined,
    (SELECT count(*) FROM jobs j WHERE j.builder_id = b.id AND j.state = 'leased') AS leases
    """

  static func decode(_ row: PostgresRow) throws -> StoredBuilder {
    StoredBuilder(
      id: Int64(try row.int("id")), name: try row.text("name"),
      publicKey: try row.text("public_key"),
      state: StoredBuilder.State(rawValue: try row.text("state")) ?? .disabled,
      isDraining: try row.bool("draining"), version: try row.optionalText("version"),
      capabilities: try row.optionalText("capabilities"), createdAt: try row.date("created_at"),
      lastSeenAt: try row.optionalDate("last_seen_at"), leases: try row.int("leases"),
      quarantinedUntil: try row.optionalDate("quarantined"),
      session: Int64(try row.int("session")))
  }

  struct Upsert: Statement {
    static let sql = """
      WITH b AS (
        INSERT INTO builders AS known
          (name, public_key, state, version, last_seen_at, session, instance, connected)
        SELECT $1, $2, 'pending', $3, clock_timestamp(), 1, $5, true
        WHERE EXISTS (SELECT FROM enrolment_tokens
                      WHERE token_hash = $4 AND used_at IS NULL AND expires_at > clock_timestamp())
          OR EXISTS (SELECT FROM builders WHERE public_key = $2)
          OR (SELECT count(*) FROM builders WHERE state = 'pending') < \(TooManyPendingBuilders.most)
        ON CONFLICT (public_key) DO UPDATE
          SET name = excluded.name, version = excluded.version, last_seen_at = clock_timestamp(),
              session = known.session + 1, instance = excluded.instance, connected = true
          WHERE NOT (known.connected AND known.state = 'approved' AND known.instance <> excluded.instance
                     AND known.last_seen_at > clock_timestamp() - make_interval(secs => $6))
             OR known.instance IS NULL OR excluded.instance IS NULL
        RETURNING *
      ) SELECT \(columns) FROM b
      """
    let parameters: [PostgresValue]
    /// - Parameter patience: seconds for which a connection counts that nothing is heard of.
    init(
      name: String, publicKey: String, version: String, tokenHash: String?, instance: String?,
      patience: Int
    ) {
      parameters = [
        .text(storable(name)), .text(storable(publicKey)), .text(storable(version)),
        .optional(tokenHash), .optional(instance.map(storable)), .double(Double(patience)),
      ]
    }
    func decode(_ row: PostgresRow) throws -> StoredBuilder { try BuilderStatements.decode(row) }
  }

  struct Exists: Statement {
    static let sql = "SELECT id FROM builders WHERE public_key = $1"
    let parameters: [PostgresValue]
    init(publicKey: String) { parameters = [.text(storable(publicKey))] }
    func decode(_ row: PostgresRow) throws -> Int64 { Int64(try row.int("id")) }
  }

  struct Leave: Statement {
    static let sql = "UPDATE builders SET connected = false WHERE id = $1 AND session = $2"
    let parameters: [PostgresValue]
    init(builder: Int64, session: Int64) { parameters = [.int(builder), .int(session)] }
  }

  struct UseInvitation: Statement {
    static let sql = """
      UPDATE enrolment_tokens SET used_at = clock_timestamp(), builder_id = $2
      WHERE token_hash = $1 AND used_at IS NULL AND expires_at > clock_timestamp()
      """
    let parameters: [PostgresValue]
    init(tokenHash: String, builder: Int64) { parameters = [.text(tokenHash), .int(builder)] }
  }

  struct SetState: Statement {
    static let sql = """
      WITH b AS (UPDATE builders SET state = $2 WHERE id = $1 RETURNING *) SELECT \(columns) FROM b
      """
    let parameters: [PostgresValue]
    init(builder: Int64, state: StoredBuilder.State) {
      parameters = [.int(builder), .text(state.rawValue)]
    }
    func decode(_ row: PostgresRow) throws -> StoredBuilder { try BuilderStatements.decode(row) }
  }

  struct SetDraining: Statement {
    static let sql = """
      WITH b AS (
        UPDATE builders SET draining = $2,
          quarantines = CASE WHEN $2 THEN quarantines ELSE 0 END,
          quarantined_until = CASE WHEN $2 THEN quarantined_until END
        WHERE id = $1 RETURNING *
      ) SELECT \(columns) FROM b
      """
    let parameters: [PostgresValue]
    init(builder: Int64, isDraining: Bool) { parameters = [.int(builder), .bool(isDraining)] }
    func decode(_ row: PostgresRow) throws -> StoredBuilder { try BuilderStatements.decode(row) }
  }

  struct List: Statement {
    static let sql = """
      SELECT \(columns) FROM builders b ORDER BY b.last_seen_at DESC NULLS LAST, b.id
      """
    func decode(_ row: PostgresRow) throws -> StoredBuilder { try BuilderStatements.decode(row) }
  }

  struct Invite: Statement {
    static let sql = """
      INSERT INTO enrolment_tokens (token_hash, note, expires_at)
      VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))
      """
    let parameters: [PostgresValue]
    init(tokenHash: String, note: String, seconds: Int) {
      parameters = [.text(tokenHash), .text(note), .double(Double(seconds))]
    }
  }

  struct SetCapabilities: Statement {
    static let sql = """
      UPDATE builders SET capabilities = $2::jsonb, last_seen_at = clock_timestamp() WHERE id = $1
      """
    let parameters: [PostgresValue]
    init(builder: Int64, json: String) { parameters = [.int(builder), .json(storableJSON(json))] }
  }

  /// Tells backends that something about a builder has changed, once the transaction is committed.
  struct Tell: Statement {
    static let sql = "SELECT pg_notify('\(FarmDatabase.buildersChannel)', $1::bigint::text)"
    let parameters: [PostgresValue]
    init(builder: Int64) { parameters = [.int(builder)] }
  }
}
