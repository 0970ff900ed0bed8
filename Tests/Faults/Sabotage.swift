import ArgumentParser
import Foundation
import Postgres

/// Breaks what the verdict checks, to prove that it would be found.
enum Sabotage: String, CaseIterable, ExpressibleByArgument, Sendable {
  case lost, doubled, orphan

  /// - Parameter storage: the folder of the farm's files.
  func perform(on connection: PostgresConnection, storage: String) async throws {
    switch self {
    case .lost: try await lose(connection, storage)
    case .doubled: try await double(connection)
    case .orphan:
      let folder = "\(storage)/artifacts/00"
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true)
      try Data("orphan".utf8).write(
        to: URL(filePath: "\(folder)/\(String(repeating: "0", count: 64))"))
    }
  }

  /// A job goes back to where it waits, and a published file vanishes.
  private func lose(_ connection: PostgresConnection, _ storage: String) async throws {
    try await connection.execute(
      """
      UPDATE jobs SET state = 'pending', finalized_at = NULL
      WHERE id = (SELECT min(id) FROM jobs WHERE state = 'succeeded')
      """)
    let sha256 = try await connection.query("SELECT min(sha256) AS sha256 FROM artifacts")
      .map { try $0.text("sha256") }[0]
    try FileManager.default.removeItem(
      atPath: "\(storage)/artifacts/\(sha256.prefix(2))/\(sha256)")
  }

  /// An attempt under the next fence has succeeded, too.
  private func double(_ connection: PostgresConnection) async throws {
    try await connection.execute(
      """
      INSERT INTO attempts (job_id, attempt, builder_id, plan_digest, upload_token_hash,
                            finished_at, result)
      SELECT a.job_id, j.attempt + 1, a.builder_id, a.plan_digest, a.upload_token_hash,
             clock_timestamp(), 'succeeded'
      FROM attempts a JOIN jobs j ON j.id = a.job_id
      WHERE a.result = 'succeeded' AND j.verifies IS NULL ORDER BY a.job_id LIMIT 1;
      UPDATE jobs j SET attempt = (SELECT max(attempt) FROM attempts a WHERE a.job_id = j.id)
      WHERE attempt > 0;
      INSERT INTO builds (job_id, attempt, revision, plan_digest, environment_digest, toolchain,
                          report)
      SELECT b.job_id, j.attempt, b.revision + 1, b.plan_digest, b.environment_digest, b.toolchain,
             b.report
      FROM builds b JOIN jobs j ON j.id = b.job_id
      WHERE j.attempt > b.attempt AND j.state = 'succeeded' AND j.build_id = b.id
      """)
  }
}
