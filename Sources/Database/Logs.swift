public import FarmModel
import Postgres

/// A piece of a log to be stored.
public struct LogPiece: Sendable, Equatable {
  public var job: Int64
  public var attempt: Int32
  public var sequence: Int
  public var text: String

  public init(job: Int64, attempt: Int32, sequence: Int, text: String) {
    self.job = job
    self.attempt = attempt
    self.sequence = sequence
    self.text = text
  }
}

extension FarmDatabase {
  /// Stores pieces of logs of a builder's running attempts, all in one statement. A piece that is
  /// there already, or whose attempt has ended or is another builder's, changes nothing; neither does
  /// one of an attempt that has logged twice what its plan allows (builders stop at the limit), or one
  /// without text. A piece counts as its text and ``pieceBytes``.
  public func storeLog(_ pieces: [LogPiece], builder: Int64) async throws {
    guard !pieces.isEmpty else { return }
    try await pool.run(LogStatements.Store(pieces, builder: builder))
  }

  /// The stored pieces of an attempt's log after a sequence number, in order, at most `limit`.
  public func log(job: Int64, attempt: Int32, after sequence: Int = 0, limit: Int = 1000)
    async throws -> [LogPiece]
  {
    try await pool.run(
      LogStatements.Read(job: job, attempt: attempt, after: sequence, limit: limit))
  }

  /// Notes which stage an attempt has begun.
  public func setStage(_ stage: BuildStage, job: Int64, attempt: Int32, builder: Int64)
    async throws
  {
    try await pool.run(
      LogStatements.SetStage(stage: stage, job: job, attempt: attempt, builder: builder))
  }

  /// Replaces an ended attempt's pieces by the whole log in storage.
  public func moveLog(job: Int64, attempt: Int32, sha256: String, bytes: Int64) async throws {
    try await pool.run(
      LogStatements.Move(job: job, attempt: attempt, sha256: sha256, bytes: bytes))
  }
}

enum LogStatements {
  static let all: [any Statement.Type] = [Store.self, Read.self, SetStage.self, Move.self]

  /// What a piece takes besides its text: without it, tiny ones would fill the database unnoticed.
  static let pieceBytes = 64

  struct Store: Statement {
    static let sql = """
      WITH piece AS (
        SELECT * FROM unnest($1::bigint[], $2::int[], $3::int[], $4::text[])
          AS p (job_id, attempt, sequence, text)
      ), running AS MATERIALIZED (
        -- Locked: a piece that came while the attempt was ended would be left behind by the whole log.
        SELECT a.job_id, a.attempt, a.log_bytes FROM attempts a
        WHERE (a.job_id, a.attempt) IN (SELECT job_id, attempt FROM piece)
          AND a.builder_id = $5 AND a.finished_at IS NULL
        ORDER BY a.job_id, a.attempt FOR NO KEY UPDATE
      ), stored AS (
        INSERT INTO log_chunks (job_id, attempt, sequence, text)
        SELECT p.job_id, p.attempt, p.sequence, p.text
        FROM piece p JOIN running a USING (job_id, attempt)
        WHERE p.text <> '' AND a.log_bytes <= (SELECT 2 * (j.plan -> 'limits' ->> 'log')::bigint
                              FROM jobs j WHERE j.id = a.job_id)
        ON CONFLICT DO NOTHING RETURNING job_id, attempt, octet_length(text) + \(pieceBytes) AS bytes
      )
      UPDATE attempts a SET log_bytes = a.log_bytes + s.bytes
      FROM (SELECT job_id, attempt, sum(bytes) AS bytes FROM stored GROUP BY 1, 2) AS s
      WHERE a.job_id = s.job_id AND a.attempt = s.attempt
      """
    let parameters: [PostgresValue]
    init(_ pieces: [LogPiece], builder: Int64) {
      parameters = [
        .intArray(pieces.map(\.job)), .intArray(pieces.map { Int64($0.attempt) }),
        .intArray(pieces.map { Int64($0.sequence) }), .textArray(pieces.map { storable($0.text) }),
        .int(builder),
      ]
    }
  }

  struct Read: Statement {
    static let sql = """
      SELECT job_id, attempt, sequence, text FROM log_chunks
      WHERE job_id = $1 AND attempt = $2 AND sequence > $3 ORDER BY sequence LIMIT $4
      """
    let parameters: [PostgresValue]
    init(job: Int64, attempt: Int32, after sequence: Int, limit: Int) {
      parameters = [.int(job), .int(Int64(attempt)), .int(sequence), .int(limit)]
    }
    func decode(_ row: PostgresRow) throws -> LogPiece {
      LogPiece(
        job: Int64(try row.int("job_id")), attempt: Int32(try row.int("attempt")),
        sequence: try row.int("sequence"), text: try row.text("text"))
    }
  }

  struct SetStage: Statement {
    static let sql = """
      UPDATE attempts SET stage = $1
      WHERE job_id = $2 AND attempt = $3 AND builder_id = $4 AND finished_at IS NULL
      """
    let parameters: [PostgresValue]
    init(stage: BuildStage, job: Int64, attempt: Int32, builder: Int64) {
      parameters = [.text(stage.rawValue), .int(job), .int(Int64(attempt)), .int(builder)]
    }
  }

  struct Move: Statement {
    static let sql = """
      WITH gone AS (DELETE FROM log_chunks WHERE job_id = $1 AND attempt = $2)
      UPDATE attempts SET log_sha256 = $3, log_bytes = $4 WHERE job_id = $1 AND attempt = $2
      """
    let parameters: [PostgresValue]
    init(job: Int64, attempt: Int32, sha256: String, bytes: Int64) {
      parameters = [.int(job), .int(Int64(attempt)), .text(sha256), .int(bytes)]
    }
  }
}
