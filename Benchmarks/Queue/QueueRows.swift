import Database
import Foundation
import Postgres

/// All that the benchmark says to the database itself, beside the backend: rows to work on, builders
/// that are approved, and what the server tells about itself.
struct QueueRows: Sendable {
  let pool: PostgresPool

  /// The crate whose jobs the backend has planned, and which all others are copies of.
  static let template = "template"

  /// Versions of one crate, and crates of one transaction.
  private static let versionsPerCrate = 10
  private static let cratesPerStep = 5_000

  // MARK: Rows

  func pending() async throws -> Int {
    try await number("SELECT count(*) AS n FROM jobs WHERE state = 'pending'")
  }

  /// Adds pending jobs until there are so many, and vacuums the table afterwards.
  ///
  /// The jobs are those of the template with other versions. Their versions were not looked into, so
  /// that a backend that starts does not plan them anew. They are ranked as the backend does it for
  /// a backlog: crates take turns, so that the first jobs of all crates have the same rank.
  func fill(to wanted: Int) async throws {
    var missing = wanted - (try await pending())
    guard missing > 0 else { return }
    let targets = try await number(
      "SELECT count(*) AS n FROM jobs j \(Self.ofTemplate) WHERE c.name = '\(Self.template)'")
    guard targets > 0 else { throw BenchFailure("the backend has planned no template") }
    try await addSizes()
    let jobsPerCrate = Self.versionsPerCrate * targets
    var next = try await nextCrate()
    var steps: [Range<Int>] = []
    while missing > 0 {
      let crates = min(Self.cratesPerStep, (missing + jobsPerCrate - 1) / jobsPerCrate)
      missing -= crates * jobsPerCrate
      steps.append(next..<(next + crates))
      next += crates
    }
    // As many at once as the pool has connections.
    try await withThrowingTaskGroup(of: Void.self) { group in
      for step in steps {
        group.addTask {
          try await addCrates(
            step, rank: "v.turn", jobClass: "CASE v.id % 20 WHEN 0 THEN 1 ELSE 3 END")
        }
      }
      try await group.waitForAll()
    }
    try await vacuum()
  }

  /// Adds jobs that come before all others, each with a rank of its own: every claim then moves the
  /// clock of its class, which is the worst that ranks can do.
  func addInSingleFile(_ count: Int) async throws {
    let crates = count / Self.versionsPerCrate / BenchFarm.targets.count + 1
    let first = try await nextCrate()
    try await addCrates(first..<(first + crates), rank: "v.id", jobClass: "0")
    try await vacuum()
  }

  /// Jobs of four sizes: the requirements that the template's jobs do not have.
  private func addSizes() async throws {
    try await pool.query(
      """
      INSERT INTO requirements (target, executor, memory_class, disk_class, rust)
      SELECT DISTINCT r.target, r.executor, size, r.disk_class, r.rust
      FROM jobs j \(Self.ofTemplate) JOIN requirements r ON r.id = j.requirement_id,
        generate_series(0, 3) AS size
      WHERE c.name = '\(Self.template)' ON CONFLICT DO NOTHING
      """)
  }

  private func vacuum() async throws {
    try await pool.withConnection { try $0.execute("VACUUM (ANALYZE)") }
    try await pool.withConnection { try $0.execute("CHECKPOINT") }
  }

  private func nextCrate() async throws -> Int {
    try await number("SELECT coalesce(max(id), 0) + 1 AS n FROM crates")
  }

  /// - Parameter crates: the numbers in their names, used by nobody yet.
  private func addCrates(_ crates: Range<Int>, rank: String, jobClass: String) async throws {
    try await pool.transaction { connection in
      // Without a look-up for each foreign key: what is inserted refers to what is inserted with it.
      try connection.execute("SET LOCAL session_replication_role = replica")
      try connection.query(
        """
        WITH c AS (
          INSERT INTO crates (registry_id, name, normalized_name)
          SELECT (SELECT min(id) FROM registries), 'b' || g, 'b' || g
          FROM generate_series($1::bigint, $2::bigint - 1) g
          RETURNING id, name
        ), v AS (
          INSERT INTO versions (crate_id, version, latest_key, checksum)
          SELECT c.id, '1.0.' || n, 'ra1a0' || chr(96 + length(n::text)) || n, repeat('0', 64) FROM c, generate_series(1, $3::bigint) n
          RETURNING id, crate_id, version, split_part(version, '.', 3)::bigint AS turn
        ), t AS (
          SELECT j.target, j.plan, j.plan_digest, r.executor, r.disk_class, r.rust
          FROM jobs j \(Self.ofTemplate) JOIN requirements r ON r.id = j.requirement_id
          WHERE c.name = '\(Self.template)'
        )
        INSERT INTO jobs (version_id, target, state, class, rank, requirement_id, plan, plan_digest)
        SELECT v.id, t.target, 'pending', \(jobClass), \(rank), q.id,
          jsonb_set(jsonb_set(t.plan, '{inputs,crate}', to_jsonb(c.name)),
                    '{inputs,version}', to_jsonb(v.version)),
          t.plan_digest
        FROM v JOIN c ON c.id = v.crate_id CROSS JOIN t
        JOIN requirements q ON q.target = t.target AND q.executor = t.executor
          AND q.disk_class = t.disk_class AND q.rust = t.rust AND q.memory_class = v.id % 4
          AND q.minimum_rust = '' AND q.module = '*' AND q.labels = '{}'
        """,
        [.int(crates.lowerBound), .int(crates.upperBound), .int(Self.versionsPerCrate)])
    }
  }

  private static let ofTemplate =
    "JOIN versions v ON v.id = j.version_id JOIN crates c ON c.id = v.crate_id"

  /// Gives an ended job back to the queue, without telling anybody.
  func revive(job: Int64) async throws {
    try await pool.query(
      """
      UPDATE jobs SET state = 'pending', finalized_at = NULL, failure_class = NULL,
        failure_message = NULL
      WHERE id = $1
      """, [.int(job)])
  }

  /// Tells the backends that a target has work.
  func notify(target: String) async throws {
    try await pool.query(
      """
      SELECT pg_notify('\(FarmDatabase.jobsChannel)', string_agg(id::text, ','))
      FROM requirements WHERE target = $1
      """, [.text(target)])
  }

  /// Lets builders in by their public keys, hexadecimal.
  func approve(names: [String], keys: [String]) async throws {
    try await pool.query(
      """
      INSERT INTO builders (name, public_key, state)
      SELECT name, key, 'approved' FROM unnest($1::text[], $2::text[]) AS b (name, key)
      """, [.textArray(names), .textArray(keys)])
  }

  // MARK: What the server tells

  func settings() async throws -> [String: String] {
    let names = [
      "autovacuum", "checkpoint_timeout", "fsync", "full_page_writes", "max_connections",
      "max_wal_size", "server_version", "shared_buffers", "shared_preload_libraries",
      "synchronous_commit", "wal_level", "wal_sync_method",
    ]
    let rows = try await pool.query(
      "SELECT name, current_setting(name) AS value FROM unnest($1::text[]) AS n (name)",
      [.textArray(names)])
    return try Dictionary(
      uniqueKeysWithValues: rows.map { (try $0.text("name"), try $0.text("value")) })
  }

  /// The process number of the server.
  func server() async throws -> Int32 {
    Int32(
      try await number(
        "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int AS n"))
  }

  /// How many connections a backend has, its listening one not counted, and how many listen.
  func connections() async throws -> (working: Int, listening: Int) {
    let rows = try await pool.query(
      """
      SELECT count(*) FILTER (WHERE application_name = 'builds.rs backend') AS working,
             count(*) FILTER (WHERE application_name = 'builds.rs listener') AS listening
      FROM pg_stat_activity
      """)
    guard let row = rows.first else { return (0, 0) }
    return (try row.int("working"), try row.int("listening"))
  }

  func forgetStatements() async throws {
    try await pool.query("SELECT pg_stat_statements_reset()")
  }

  /// The statements that took the most time since the last reset.
  func statements(limit: Int = 12) async throws -> [StatementCost] {
    let rows = try await pool.query(
      """
      SELECT regexp_replace(left(query, 4000), '\\s+', ' ', 'g') AS text, calls,
        total_exec_time AS total, mean_exec_time AS mean, stddev_exec_time AS deviation,
        max_exec_time AS longest, (shared_blks_hit + shared_blks_read)::float8 / calls AS blocks,
        wal_bytes::float8 / calls AS wal
      FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
      WHERE d.datname = current_database() AND query NOT LIKE '%pg_stat_%'
      ORDER BY total_exec_time DESC LIMIT $1
      """, [.int(limit)])
    return try rows.map {
      StatementCost(
        text: try $0.text("text"), calls: try $0.int("calls"),
        totalMilliseconds: try $0.double("total"), meanMilliseconds: try $0.double("mean"),
        deviationMilliseconds: try $0.double("deviation"),
        longestMilliseconds: try $0.double("longest"), blocksPerCall: try $0.double("blocks"),
        walBytesPerCall: try $0.double("wal"))
    }
  }

  /// How large the table of jobs is, and what vacuum has done about it.
  func table() async throws -> TableState {
    let rows = try await pool.query(
      """
      SELECT pg_table_size('jobs') AS bytes, pg_indexes_size('jobs') AS indexes,
        n_live_tup AS live, n_dead_tup AS dead, autovacuum_count AS vacuums
      FROM pg_stat_user_tables WHERE relname = 'jobs'
      """)
    guard let row = rows.first else { throw BenchFailure("there is no table of jobs") }
    return TableState(
      tableBytes: try row.int("bytes"), indexBytes: try row.int("indexes"),
      liveRows: try row.int("live"), deadRows: try row.int("dead"),
      autovacuums: try row.int("vacuums"))
  }

  private func number(_ sql: String) async throws -> Int {
    guard let row = try await pool.query(sql).first else { return 0 }
    return try row.int("n")
  }
}

/// What `pg_stat_statements` tells about one statement.
struct StatementCost: Sendable, Encodable {
  var text: String
  var calls: Int
  var totalMilliseconds: Double
  var meanMilliseconds: Double
  var deviationMilliseconds: Double
  var longestMilliseconds: Double
  var blocksPerCall: Double
  var walBytesPerCall: Double

  /// Whether it is the statement by which a builder gets a job.
  var isClaim: Bool { text.contains("SKIP LOCKED") && text.contains("upload_token_hash") }
}

struct TableState: Sendable, Encodable {
  var tableBytes: Int
  var indexBytes: Int
  var liveRows: Int
  var deadRows: Int
  var autovacuums: Int
}
