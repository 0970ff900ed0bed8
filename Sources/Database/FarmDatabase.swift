public import Postgres
public import Scheduling

/// The farm's data in PostgreSQL: every SQL statement that the farm uses, as typed functions.
///
/// A value is only a pool and the terms of leases: copies share the pool. No function keeps a
/// transaction open longer than it runs.
public struct FarmDatabase: Sendable {
  public let pool: PostgresPool
  public let terms: LeaseTerms
  public let retryPolicy: RetryPolicy
  public let quarantinePolicy: QuarantinePolicy
  /// For how long a job waits for another builder than those on which it failed.
  public let avoidanceSeconds: Double

  public init(
    pool: PostgresPool, terms: LeaseTerms = LeaseTerms(), retryPolicy: RetryPolicy = RetryPolicy(),
    quarantinePolicy: QuarantinePolicy = QuarantinePolicy(), avoidanceSeconds: Double = 15
  ) {
    self.pool = pool
    self.terms = terms
    self.retryPolicy = retryPolicy
    self.quarantinePolicy = quarantinePolicy
    self.avoidanceSeconds = avoidanceSeconds
  }

  /// The channel on which idle builders are woken; the payload has the numbers of the
  /// requirements, joined by commas; empty: all.
  public static let jobsChannel = "jobs"

  /// The channel on which backends hear that a builder has begun another session, or that operators think
  /// otherwise of it; the payload is its number.
  public static let buildersChannel = "builders"

  /// Answers whether the database can be asked at all.
  public func ping() async throws { try await pool.query("SELECT 1") }

  /// The database's own time.
  public func time() async throws -> DatabaseTime {
    let rows = try await pool.query("SELECT clock_timestamp()::text AS now")
    guard let text = try rows.map({ try $0.text("now") }).first else { throw NoTime() }
    return DatabaseTime(text: text)
  }
}

/// A time of the database's clock, which is the only one that leases are measured by.
public struct DatabaseTime: Sendable, Equatable {
  /// As PostgreSQL writes it, to the microsecond.
  let text: String
}

private struct NoTime: Error {}

/// Every statement of this module, so that a test can prepare each on a freshly migrated schema.
public enum FarmStatements {
  public static let all: [any Statement.Type] =
    RegistryStatements.all + RegistryLeaseStatements.all + PlanningStatements.all
    + LookStatements.all + PopularityStatements.all + BuilderStatements.all + JobStatements.all
    + LeaseStatements.all
    + ClaimStatements.all + SettlementStatements.all + RequirementStatements.all
    + OperationStatements.all + FinalFailureStatements.all + OrphanStatements.all
    + OutlookStatements.all + RecipeStatements.all + PlanStatements.all
    + LogStatements.all + UploadStatements.all + PublicationStatements.all + CrateQueries.all
    + JobQueries.all + SigningKeyStatements.all + BackendStatements.all
    + VerificationStatements.all + CheckStatements.all + Turns.all

  /// Those that keep a body of the registry sync, by way of temporary tables.
  public static let staging: [any Statement.Type] = StagingStatements.all
  /// Makes the temporary tables of ``staging``.
  public static let stagingTables = StagingStatements.tables
}
