import LocalFarm
import Postgres

/// An operator who has jobs built again while the farm is broken, by the command that people use.
struct Operator: Sendable {
  let address: PostgresAddress
  /// Where `buildsrs` is.
  let programs: String
  let logs: String

  /// Gives a failed or held job its tries anew.
  ///
  /// - Parameter amount: which of them, 0 to 1.
  /// - Returns: false where there is none, or it could not be done.
  func retry(_ amount: Double, name: String) async throws -> Bool {
    let connection = try await PostgresConnection(connecting: address)
    let jobs = try await connection.query(
      """
      SELECT id FROM jobs
      WHERE state = 'failed' OR (state = 'pending' AND hold IS NOT NULL) ORDER BY id
      """
    ).map { try $0.int("id") }
    await connection.close()
    guard let job = Self.choice(jobs, amount) else { return false }
    return try await perform("retry", job: job, name: name)
  }

  /// Has a job built once more that has succeeded; it may then succeed twice under one plan.
  func rebuild(_ amount: Double, name: String) async throws -> Bool {
    let connection = try await PostgresConnection(connecting: address)
    let jobs = try await connection.query(
      "SELECT id FROM jobs WHERE state = 'succeeded' AND verifies IS NULL ORDER BY id"
    ).map { try $0.int("id") }
    guard let job = Self.choice(jobs, amount) else {
      await connection.close()
      return false
    }
    try await connection.query(
      "INSERT INTO faults.new_builds (job_id, attempt) SELECT id, attempt FROM jobs WHERE id = $1",
      [.int(job)])
    await connection.close()
    return try await perform("rebuild", job: job, name: name)
  }

  private static func choice(_ jobs: [Int], _ amount: Double) -> Int? {
    jobs.isEmpty ? nil : jobs[min(jobs.count - 1, Int(amount * Double(jobs.count)))]
  }

  private func perform(_ verb: String, job: Int, name: String) async throws -> Bool {
    let child = try ChildProcess(
      name,
      [
        "\(programs)/buildsrs", "jobs", verb, String(job), "--database-url",
        address.connectionString,
      ], directory: logs)
    // What it said is in its log. Refused is whoever comes too late, and that is no loss.
    return await child.ending() == 0
  }
}
