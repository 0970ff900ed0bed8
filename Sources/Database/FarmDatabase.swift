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

  public init(
    pool: PostgresPool, terms: LeaseTerms = LeaseTerms(), retryPolicy: RetryPolicy = RetryPolicy()
  ) {
    self.pool = pool
    self.terms = terms
    self.retryPolicy = retryPolicy
  }

  /// The channel on which idle builders are woken; the payload names the targets, joined by commas.
  public static let jobsChannel = "jobs"

  /// Answers whether the database can be asked at all.
  public func ping() async throws { try await pool.query("SELECT 1") }
}

/// Every statement of this module, so that a test can prepare each on a freshly migrated schema.
public enum FarmStatements {
  public static let all: [any Statement.Type] =
    RegistryStatements.all + BuilderStatements.all + JobStatements.all + LeaseStatements.all
    + LogStatements.all + UploadStatements.all + PublicationStatements.all + CrateQueries.all
    + JobQueries.all + SigningKeyStatements.all + BackendStatements.all
    + VerificationStatements.all
}
