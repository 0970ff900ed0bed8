import Postgres

/// A file that an attempt has uploaded.
public struct StoredUpload: Sendable, Equatable {
  public var name: String
  public var size: Int64
  public var sha256: String
  public var storageKey: String

  public init(name: String, size: Int64, sha256: String, storageKey: String) {
    self.name = name
    self.size = size
    self.sha256 = sha256
    self.storageKey = storageKey
  }
}

/// Whether an upload may be taken.
public enum UploadRight: Sendable, Equatable {
  /// The token is the attempt's and the lease lasts. The count of files that are there already.
  case granted(files: Int)
  /// No such attempt, or not its token.
  case unauthorized
  /// The token was right once, but the lease is lost or the attempt has ended.
  case stale
  /// The token is right, but an operator has disabled the builder.
  case disabled
}

extension FarmDatabase {
  /// Checks an upload's token (by its SHA-256, hexadecimal) and the lease.
  public func uploadRight(job: Int64, attempt: Int32, tokenHash: String) async throws
    -> UploadRight
  {
    let rows = try await pool.run(
      UploadStatements.Right(job: job, attempt: attempt, tokenHash: tokenHash))
    guard let row = rows.first else { return .unauthorized }
    guard !row.isDisabled else { return .disabled }
    return row.holds ? .granted(files: row.files) : .stale
  }

  /// Notes a finished upload, while the lease lasts; the same name again replaces it.
  ///
  /// - Returns: false when the lease was lost meanwhile, or the builder was disabled.
  public func recordUpload(_ upload: StoredUpload, job: Int64, attempt: Int32) async throws -> Bool
  {
    try await pool.withConnection {
      try $0.change(UploadStatements.Record(upload, job: job, attempt: attempt)) == 1
    }
  }

  /// The files of an attempt by name.
  public func uploads(job: Int64, attempt: Int32) async throws -> [StoredUpload] {
    try await pool.run(UploadStatements.List(job: job, attempt: attempt))
  }

  /// Forgets the uploads of an attempt that has ended; answers their storage keys, to be deleted. What of
  /// them was not published is noted as an orphan: a copy may lie under its content's key.
  public func forgetUploads(job: Int64, attempt: Int32) async throws -> [String] {
    try await pool.run(UploadStatements.Forget(job: job, attempt: attempt))
  }
}

enum UploadStatements {
  static let all: [any Statement.Type] = [Right.self, Record.self, List.self, Forget.self]

  struct Right: Statement {
    struct Row: Sendable {
      let holds: Bool
      let isDisabled: Bool
      let files: Int
    }
    static let sql = """
      SELECT (j.state = 'leased' AND j.attempt = a.attempt AND a.finished_at IS NULL
              AND j.lease_expires_at > clock_timestamp()) AS holds,
             b.state = 'disabled' AS disabled,
             (SELECT count(*) FROM uploads u
              WHERE u.job_id = a.job_id AND u.attempt = a.attempt) AS files
      FROM attempts a JOIN jobs j ON j.id = a.job_id JOIN builders b ON b.id = a.builder_id
      WHERE a.job_id = $1 AND a.attempt = $2 AND a.upload_token_hash = $3
      """
    let parameters: [PostgresValue]
    init(job: Int64, attempt: Int32, tokenHash: String) {
      parameters = [.int(job), .int(Int64(attempt)), .text(tokenHash)]
    }
    func decode(_ row: PostgresRow) throws -> Row {
      Row(
        holds: try row.bool("holds"), isDisabled: try row.bool("disabled"),
        files: try row.int("files"))
    }
  }

  struct Record: Statement {
    static let sql = """
      INSERT INTO uploads (job_id, attempt, name, size, sha256, storage_key)
      SELECT j.id, j.attempt, $3, $4, $5, $6 FROM jobs j
      WHERE j.id = $1 AND j.attempt = $2 AND j.state = 'leased'
        AND j.lease_expires_at > clock_timestamp()
        AND EXISTS (SELECT FROM builders b WHERE b.id = j.builder_id AND b.state <> 'disabled')
      FOR SHARE OF j
      ON CONFLICT (job_id, attempt, name) DO UPDATE
        SET size = excluded.size, sha256 = excluded.sha256, storage_key = excluded.storage_key,
            uploaded_at = clock_timestamp()
      """
    let parameters: [PostgresValue]
    init(_ upload: StoredUpload, job: Int64, attempt: Int32) {
      parameters = [
        .int(job), .int(Int64(attempt)), .text(upload.name), .int(upload.size),
        .text(upload.sha256), .text(upload.storageKey),
      ]
    }
  }

  struct List: Statement {
    static let sql = """
      SELECT name, size, sha256, storage_key FROM uploads
      WHERE job_id = $1 AND attempt = $2 ORDER BY name
      """
    let parameters: [PostgresValue]
    init(job: Int64, attempt: Int32) { parameters = [.int(job), .int(Int64(attempt))] }
    func decode(_ row: PostgresRow) throws -> StoredUpload {
      StoredUpload(
        name: try row.text("name"), size: Int64(try row.int("size")),
        sha256: try row.text("sha256"), storageKey: try row.text("storage_key"))
    }
  }

  struct Forget: Statement {
    static let sql = """
      WITH gone AS (
        DELETE FROM uploads WHERE job_id = $1 AND attempt = $2 RETURNING storage_key, sha256
      ), orphaned AS (
        INSERT INTO orphans (sha256)
        SELECT DISTINCT g.sha256 FROM gone g
        WHERE NOT EXISTS (SELECT FROM artifacts a WHERE a.sha256 = g.sha256)
        ON CONFLICT (sha256) DO NOTHING
      )
      SELECT storage_key FROM gone
      """
    let parameters: [PostgresValue]
    init(job: Int64, attempt: Int32) { parameters = [.int(job), .int(Int64(attempt))] }
    func decode(_ row: PostgresRow) throws -> String { try row.text("storage_key") }
  }
}
