import FarmModel
public import Foundation
import Postgres

/// A set of targets and recipes that is or was in force.
public struct RecipeRevision: Sendable, Equatable {
  /// Only grows.
  public var id: Int64
  /// SHA-256 over the files, 64 lower-case hexadecimal digits.
  public var digest: String
  /// The texts of `targets/<triple>.yaml` and `recipes/<crate>.yaml` by these paths.
  public var files: [String: String]
  /// Who or what applied it, for people.
  public var note: String
  public var createdAt: Date
}

/// Which revision is in force, and whether all jobs follow it.
public struct RecipeStanding: Sendable, Equatable {
  public var active: Int64
  /// The revision that all jobs are known to follow; nil: none.
  public var planned: Int64?
  /// While it is planned: up to which version the jobs follow ``active``.
  public var plannedThrough: Int64

  public init(active: Int64, planned: Int64? = nil, plannedThrough: Int64 = 0) {
    self.active = active
    self.planned = planned
    self.plannedThrough = plannedThrough
  }

  /// Whether all jobs follow the active revision, but for those that were being built.
  public var isPlanned: Bool { planned == active }
}

/// What came of an installation.
public struct RecipeInstallation: Sendable, Equatable {
  /// The revision that is in force now.
  public var revision: Int64
  /// The one before; nil: none was.
  public var previous: Int64?
  /// False: the same set was in force already.
  public var isNew: Bool
}

/// Which revision whoever installs one believes to be in force.
public enum RecipeExpectation: Sendable, Equatable {
  case any
  /// None: the farm is new.
  case nothing
  case revision(Int64)
}

/// Another revision is in force than was believed.
public struct RecipesChanged: Error, Sendable, Equatable, CustomStringConvertible {
  /// The one that is; nil: none, or nobody has looked.
  public var active: Int64?

  public init(active: Int64? = nil) { self.active = active }

  public var description: String {
    active.map { "revision \($0) of the recipes is in force now" }
      ?? "another revision of the recipes is in force now"
  }
}

extension FarmDatabase {
  /// The channel on which backends are told of a new revision; the payload is its number.
  public static let recipesChannel = "recipes"

  /// Which revision is in force; nil: none yet.
  public func recipeStanding() async throws -> RecipeStanding? {
    try await pool.run(RecipeStatements.Standing()).first
  }

  /// A revision with its files; nil: there is none of this number.
  public func recipeRevision(_ id: Int64) async throws -> RecipeRevision? {
    try await pool.run(RecipeStatements.Revision(id: id)).first
  }

  /// The revision that is in force, with its files; nil: none yet.
  public func activeRecipes() async throws -> RecipeRevision? {
    guard let standing = try await recipeStanding() else { return nil }
    return try await recipeRevision(standing.active)
  }

  /// Puts a set of files in force, whole, and tells all backends; nothing changes where the same
  /// set (by its digest) is in force already.
  ///
  /// - Parameter expecting: what must be in force for it.
  /// - Throws: ``RecipesChanged`` where something else is.
  public func installRecipes(
    digest: String, files: [String: String], note: String = "",
    expecting expectation: RecipeExpectation = .any
  ) async throws -> RecipeInstallation {
    try await pool.transaction { connection in
      // One at a time, so that numbers grow in the order in which revisions come into force.
      try connection.run(RecipeStatements.Lock())
      let before = try connection.run(RecipeStatements.Standing()).first
      switch expectation {
      case .any: break
      case .nothing where before == nil: break
      case .revision(let id) where before?.active == id: break
      default: throw RecipesChanged(active: before?.active)
      }
      if let before,
        try connection.run(RecipeStatements.Revision(id: before.active)).first?.digest == digest
      {
        return RecipeInstallation(revision: before.active, previous: before.active, isNew: false)
      }
      let ids = try connection.run(
        try RecipeStatements.Insert(digest: digest, files: files, note: note))
      guard let id = ids.first else { throw RecipesChanged(active: nil) }
      try connection.run(RecipeStatements.Activate(id: id))
      try connection.run(RecipeStatements.Tell(id: id))
      return RecipeInstallation(revision: id, previous: before?.active, isNew: true)
    }
  }

  /// Notes up to which version the jobs follow a revision; nothing where another one is in force.
  public func recipesPlanned(_ revision: Int64, through version: Int64) async throws {
    try await pool.run(RecipeStatements.Progress(revision: revision, version: version))
  }

  /// Notes that all jobs follow a revision; nothing where another one is in force.
  public func recipesPlanned(_ revision: Int64) async throws {
    try await pool.run(RecipeStatements.Planned(revision: revision))
  }

  /// Runs `body` while no other backend plans all jobs; nil: another one does.
  ///
  /// The lock is a connection's: it ends with the process, whatever happens to that.
  public func withPlannerLock<Result: Sendable>(
    _ body: () async throws -> Result
  ) async throws -> Result? {
    let connection = try await PostgresConnection(
      connecting: pool.address, applicationName: "builds.rs planner")
    do {
      guard try await connection.run(RecipeStatements.LockPlanner()).first == true else {
        await connection.close()
        return nil
      }
      let result = try await body()
      await connection.close()
      return result
    } catch {
      await connection.close()
      throw error
    }
  }
}

extension PostgresConnection {
  /// Keeps a revision in force until the transaction ends.
  ///
  /// - Throws: ``RecipesChanged`` where another one is.
  func hold(revision: Int64) throws {
    if try run(RecipeStatements.Hold(revision: revision)).isEmpty { throw RecipesChanged() }
  }
}

enum RecipeStatements {
  static let all: [any Statement.Type] = [
    Standing.self, Revision.self, Lock.self, Insert.self, Activate.self, Tell.self, Progress.self,
    Planned.self, LockPlanner.self, Hold.self,
  ]

  struct Standing: Statement {
    static let sql = "SELECT revision_id, planned_id, planned_through FROM recipe_active"
    func decode(_ row: PostgresRow) throws -> RecipeStanding {
      RecipeStanding(
        active: Int64(try row.int("revision_id")),
        planned: try row.optionalInt("planned_id").map(Int64.init),
        plannedThrough: Int64(try row.int("planned_through")))
    }
  }

  struct Revision: Statement {
    static let sql = """
      SELECT id, digest, files::text AS files, note, created_at FROM recipe_revisions WHERE id = $1
      """
    let parameters: [PostgresValue]
    init(id: Int64) { parameters = [.int(id)] }
    func decode(_ row: PostgresRow) throws -> RecipeRevision {
      let files = Data(try row.text("files").utf8)
      return RecipeRevision(
        id: Int64(try row.int("id")), digest: try row.text("digest"),
        files: try JSONDecoder().decode([String: String].self, from: files),
        note: try row.text("note"), createdAt: try row.date("created_at"))
    }
  }

  struct Lock: Statement {
    static let sql = "SELECT pg_advisory_xact_lock(hashtext('builds.rs recipes'))"
    func decode(_ row: PostgresRow) throws {}
  }

  struct Insert: Statement {
    static let sql = """
      INSERT INTO recipe_revisions (digest, files, note) VALUES ($1, $2::jsonb, $3) RETURNING id
      """
    let parameters: [PostgresValue]
    init(digest: String, files: [String: String], note: String) throws {
      parameters = [
        .text(digest), .json(storableJSON(try CanonicalJSON.text(files))), .text(storable(note)),
      ]
    }
    func decode(_ row: PostgresRow) throws -> Int64 { Int64(try row.int("id")) }
  }

  /// Jobs follow the one before only where its planning had come to its end; else some follow one
  /// and some the other, and all must be looked at.
  struct Activate: Statement {
    static let sql = """
      INSERT INTO recipe_active AS a (revision_id) VALUES ($1)
      ON CONFLICT (only_row) DO UPDATE
        SET revision_id = excluded.revision_id, planned_through = 0,
            planned_id = CASE WHEN a.planned_id = a.revision_id THEN a.planned_id END
        WHERE a.revision_id < excluded.revision_id
      """
    let parameters: [PostgresValue]
    init(id: Int64) { parameters = [.int(id)] }
  }

  struct Tell: Statement {
    static let sql = "SELECT pg_notify('\(FarmDatabase.recipesChannel)', $1)"
    let parameters: [PostgresValue]
    init(id: Int64) { parameters = [.text(String(id))] }
  }

  struct Progress: Statement {
    static let sql = """
      UPDATE recipe_active SET planned_through = $2
      WHERE revision_id = $1 AND planned_through < $2 AND planned_id IS DISTINCT FROM revision_id
      """
    let parameters: [PostgresValue]
    init(revision: Int64, version: Int64) { parameters = [.int(revision), .int(version)] }
  }

  struct Planned: Statement {
    static let sql = """
      UPDATE recipe_active SET planned_id = revision_id, planned_through = 0 WHERE revision_id = $1
      """
    let parameters: [PostgresValue]
    init(revision: Int64) { parameters = [.int(revision)] }
  }

  struct LockPlanner: Statement {
    static let sql = "SELECT pg_try_advisory_lock(hashtext('builds.rs planner')) AS locked"
    func decode(_ row: PostgresRow) throws -> Bool { try row.bool("locked") }
  }

  /// Whoever installs another revision waits for the end of the transaction.
  struct Hold: Statement {
    static let sql = "SELECT revision_id FROM recipe_active WHERE revision_id = $1 FOR SHARE"
    let parameters: [PostgresValue]
    init(revision: Int64) { parameters = [.int(revision)] }
    func decode(_ row: PostgresRow) throws -> Int64 { Int64(try row.int("revision_id")) }
  }
}
