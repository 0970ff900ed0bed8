import DatabaseTestSupport
import Foundation
import LocalFarm
import Postgres
import TestSupport
import Testing

@Suite("Operators' commands", .timeLimit(.minutes(3)))
struct OperatorTests {
  private struct Answer {
    var status: Int32
    var output: String
    var errors: String

    var json: [[String: Any]] {
      (try? JSONSerialization.jsonObject(with: Data(output.utf8))) as? [[String: Any]] ?? []
    }
  }

  /// A farm's database with a builder and five jobs: 1 failed, 2 pending, 3 suspect, 4 needs a newer Rust, 5 yanked.
  private static let rows = """
    INSERT INTO registries (index_url, download_template) VALUES ('sparse+http://r/', 'http://r/');
    INSERT INTO crates (registry_id, name, normalized_name) VALUES (1, 'tool', 'tool');
    INSERT INTO versions (crate_id, version, latest_key, checksum)
      SELECT 1, n || '.0.0', 'ra' || n || 'a0a0', repeat('a', 64) FROM generate_series(1, 5) AS n;
    UPDATE versions SET yanked = true WHERE id = 5;
    INSERT INTO requirements (target, executor, memory_class, disk_class, rust)
      VALUES ('t-u-v', 'm', 2, 4, '>=1.85'), ('t-u-v', 'm', 2, 4, '>=1.99');
    INSERT INTO builders (name, public_key, state, last_seen_at, capabilities) VALUES
      ('build-7', repeat('7', 64), 'approved', clock_timestamp(),
       '{"modules":[],"targets":[{"triple":"t-u-v","module":"m","health":{"ready":{"toolchains":["1.96.0"]}}}],
         "architecture":"x86_64","cores":2,"memory_bytes":8589934592,"disk_bytes":1099511627776,"labels":{},"slots":1}');
    INSERT INTO jobs (version_id, target, state, class, rank, requirement_id, plan, plan_digest, hold,
                      failure_class, failure_message, finalized_at)
      VALUES
      (1, 't-u-v', 'failed', 1, 1, 1, '{"inputs":{"executor":"m"}}', repeat('b', 64), NULL, 'compile',
       'error[E0308]', clock_timestamp()),
      (2, 't-u-v', 'pending', 1, 2, 1, '{"inputs":{"executor":"m"}}', repeat('b', 64), NULL, NULL, NULL, NULL),
      (3, 't-u-v', 'pending', 1, 3, 1, '{"inputs":{"executor":"m"}}', repeat('b', 64), 'suspect',
       'infrastructure', 'the host crashed', NULL),
      (4, 't-u-v', 'pending', 1, 4, 2, '{"inputs":{"executor":"m"}}', repeat('b', 64), NULL, NULL, NULL, NULL),
      (5, 't-u-v', 'cancelled', 1, 5, 1, '{"inputs":{"executor":"m"}}', repeat('b', 64), NULL, NULL, NULL,
       clock_timestamp())
    """

  private func withFarm(
    _ body: ((_ command: String...) async throws -> Answer) async throws -> Void
  ) async throws {
    let folder = NSTemporaryDirectory() + "buildsrs-operator-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try await TestDatabase.with(migrations: TestDatabase.projectMigrations) { database in
      let connection = try await PostgresConnection(connecting: database.address)
      for statement in Self.rows.split(separator: ";\n") {
        try await connection.query(String(statement))
      }
      await connection.close()
      func call(_ words: String...) async throws -> Answer {
        let child = try ChildProcess(
          "buildsrs",
          [TestPrograms.program("buildsrs")] + words + [
            "--database-url", database.address.connectionString,
          ],
          directory: folder)
        let status = await child.ending()
        return Answer(
          status: status, output: try String(contentsOfFile: child.outputFile, encoding: .utf8),
          errors: try String(contentsOfFile: child.logFile, encoding: .utf8))
      }
      try await body(call)
    }
  }

  @Test("jobs are listed with why they are where they are")
  func list() async throws {
    try await withFarm { call in
      let table = try await call("jobs", "list")
      #expect(table.status == 0, "\(table.errors)")
      #expect(table.output.contains("next for its target"), "\(table.output)")
      #expect(table.output.contains("needs Rust >=1.99"), "\(table.output)")
      let lines = table.output.split(separator: "\n")
      #expect(lines.last?.contains("suspect: held until `buildsrs jobs retry 3`") == true)
      let failed = try await call("jobs", "list", "--state", "failed", "--json").json
      #expect(failed.count == 1)
      #expect(failed.first?["why"] as? String == "compile: error[E0308]")
      #expect(try await call("jobs", "list", "--crate", "another", "--json").json.isEmpty)
      #expect(try await call("jobs", "list", "--state", "dancing").status == 2)
      let shown = try await call("jobs", "show", "4")
      #expect(shown.output.contains("why: needs Rust >=1.99"), "\(shown.output)")
    }
  }

  @Test(
    "what failed or is held is retried, what waits is cancelled, what has not succeeded is not rebuilt"
  )
  func change() async throws {
    try await withFarm { call in
      #expect(
        try await call("jobs", "retry", "1", "3").output == "job 1: pending\njob 3: pending\n")
      let again = try await call("jobs", "retry", "1")
      #expect(again.status == 1)
      #expect(again.errors.contains("job 1: nothing to retry"), "\(again.errors)")
      let yanked = try await call("jobs", "retry", "5")
      #expect(yanked.status == 1)
      #expect(yanked.errors.contains("job 5: tool 5.0.0 is yanked"), "\(yanked.errors)")
      #expect(try await call("jobs", "cancel", "2").output == "job 2: cancelled\n")
      let two = try await call("jobs", "cancel", "2", "4", "--json")
      #expect(two.status == 1)
      #expect(two.json.map { $0["job"] as? Int } == [4])
      #expect(two.errors.contains("job 2: nothing to cancel"), "\(two.errors)")
      #expect(try await call("jobs", "rebuild", "1").status == 1)
      #expect(try await call("jobs", "rebuild", "99").errors.contains("there is no job 99"))
      #expect(try await call("jobs", "rebuild").status == 2)
      let none = try await call("jobs", "rebuild", "--toolchain-older-than", "1.96")
      #expect(none.status == 0)
    }
  }

  @Test("a builder drains until it is told otherwise")
  func drain() async throws {
    try await withFarm { call in
      #expect(try await call("builders", "drain", "build-7").output == "build-7 (1): drained\n")
      #expect(try await call("builders", "list", "--json").json.first?["draining"] as? Bool == true)
      let waits = try await call("jobs", "show", "2")
      #expect(
        waits.output.contains("needs a builder that is ready for t-u-v by m"), "\(waits.output)")
      #expect(
        try await call("builders", "drain", "build-7", "--off").output == "build-7 (1): approved\n")
      let table = try await call("builders", "list")
      #expect(table.output.contains("t-u-v"), "\(table.output)")
      #expect(try await call("builders", "drain", "nobody").status == 1)
    }
  }
}
