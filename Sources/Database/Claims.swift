public import ExecutorKit
import FarmModel
import Foundation
import Postgres
import Scheduling

/// A job that was just claimed.
public struct ClaimedJob: Sendable, Equatable {
  /// The builder that has it.
  public var builder: Int64
  public var id: Int64
  public var attempt: Int32
  /// With doubled limits where the job asks for them.
  public var plan: Plan
  public var crate: String
  public var version: String
  public var checksum: String
  public var downloadTemplate: String
  /// Whether a published build is built once more, to compare.
  public var isVerification: Bool
  /// The published archive that is to be checked by this plan; nil: the job is to be built.
  public var check: CheckedArchive?
  /// Which of the tokens' hashes it got, from 0.
  public var token: Int

  public init(
    builder: Int64, id: Int64, attempt: Int32, plan: Plan, crate: String, version: String,
    checksum: String, downloadTemplate: String, isVerification: Bool, check: CheckedArchive? = nil,
    token: Int
  ) {
    self.builder = builder
    self.id = id
    self.attempt = attempt
    self.plan = plan
    self.crate = crate
    self.version = version
    self.checksum = checksum
    self.downloadTemplate = downloadTemplate
    self.isVerification = isVerification
    self.check = check
    self.token = token
  }
}

/// A published archive that is checked once more.
public struct CheckedArchive: Sendable, Equatable {
  /// The archive's public name.
  public var name: String
  public var sha256: String

  public init(name: String, sha256: String) {
    self.name = name
    self.sha256 = sha256
  }
}

/// A builder that wants jobs.
public struct ClaimWish: Sendable, Equatable {
  public var builder: Int64
  /// How many jobs at most; those beyond the first are of the same version as the first.
  public var slots: Int
  /// The builder's session that asks: one that is not its newest gets nothing. 0: it is not asked.
  public var session: Int64
  /// How many jobs the builder may have at once, by whatever sessions it got them.
  public var capacity: Int

  public init(builder: Int64, slots: Int, session: Int64 = 0, capacity: Int = Int(Int32.max)) {
    self.builder = builder
    self.slots = slots
    self.session = session
    self.capacity = capacity
  }
}

extension FarmDatabase {
  /// Claims jobs for several builders that can do the same, all in one statement: for each the next one
  /// in order, and for its other slots jobs of the same version.
  ///
  /// - Parameters:
  ///   - wishes: each builder once.
  ///   - requirements: numbers of what these builders have, all of them.
  ///   - tokenHashes: SHA-256 of upload tokens, hexadecimal: as many as there are slots.
  ///   - limits: how many jobs of a target may run at once, for targets that have such a limit.
  /// - Returns: What was claimed; less than wished where nothing more waits for such builders.
  public func claim(
    _ wishes: [ClaimWish], requirements: [Int64], tokenHashes: [String],
    limits: [String: Int] = [:]
  ) async throws -> [ClaimedJob] {
    guard !requirements.isEmpty, !wishes.isEmpty else { return [] }
    guard limits.isEmpty else {
      return try await claimWithinLimits(wishes, requirements, tokenHashes, limits)
    }
    let statement = ClaimStatements.Claim(
      wishes, requirements: requirements, tokenHashes: tokenHashes, seconds: terms.leaseSeconds)
    return try await pool.run(statement)
  }

  /// Whether jobs wait that must not go to some of the builders that could do them: a claim for several
  /// builders passes over them.
  public func hasParticularJobs(requirements: [Int64]) async throws -> Bool {
    try await pool.run(ClaimStatements.Particular(requirements: requirements)).first ?? false
  }

  /// One job at a time and all claims of the farm one after the other: what runs of a target is counted
  /// and must not change before the job is taken.
  private func claimWithinLimits(
    _ wishes: [ClaimWish], _ requirements: [Int64], _ tokenHashes: [String], _ limits: [String: Int]
  ) async throws -> [ClaimedJob] {
    try await pool.transaction { connection in
      try connection.run(ClaimStatements.LockLimits())
      var claimed: [ClaimedJob] = []
      for wish in wishes {
        let open = try connection.run(
          ClaimStatements.WithinLimits(requirements: requirements, limits: limits))
        guard !open.isEmpty else { break }
        var wish = wish
        wish.slots = 1
        let statement = ClaimStatements.Claim(
          [wish], requirements: open,
          tokenHashes: Array(tokenHashes.dropFirst(claimed.count)), seconds: terms.leaseSeconds)
        let offset = claimed.count
        claimed += try connection.run(statement).map { job in
          var job = job
          job.token += offset
          return job
        }
      }
      return claimed
    }
  }
}

enum ClaimStatements {
  static let all: [any Statement.Type] = [
    Claim.self, LockLimits.self, WithinLimits.self, Particular.self,
  ]

  /// Looks at the first waiting jobs of each requirement by the partial index, locks the best of them and
  /// hands one to each builder; then looks for jobs of the same versions. Its cost grows neither with
  /// pending nor with finished jobs.
  ///
  /// The best are of the best class. Ranks compare jobs of one target only; targets take turns, the one
  /// first of which nothing was claimed for longest. A job that is taken out of its turn, for its version's
  /// sake, moves no clock: those between would come late for ever.
  ///
  /// Nothing is locked before it is known to be among the best, so that claims that run at once do not
  /// take each other's candidates away; there are more candidates than builders for the same reason.
  /// Jobs that must not go to one of the builders are left to a claim without it.
  ///
  /// A builder that gets a job is locked against a newer session's welcome, and against its being
  /// disabled: either comes after this claim or makes it void. One that is locked itself is passed over;
  /// whoever locks it lets it claim again.
  struct Claim: Statement {
    static let sql = """
      WITH wishes AS (
        SELECT w.id, w.slots, w.session, row_number() OVER (ORDER BY w.turn) AS turn
        FROM (
          SELECT b.id, w.session, w.turn, least(w.slots, w.capacity - (
            SELECT count(*) FROM jobs j WHERE j.builder_id = b.id AND j.state = 'leased')) AS slots
          FROM unnest($1::bigint[], $2::int[], $6::bigint[], $7::int[]) WITH ORDINALITY
            AS w (builder, slots, session, capacity, turn)
          JOIN builders b ON b.id = w.builder
          WHERE b.state = 'approved' AND NOT b.draining AND w.session IN (0, b.session)
            AND (b.quarantined_until IS NULL OR b.quarantined_until <= clock_timestamp())
        ) AS w
        WHERE w.slots > 0
      ), heads AS MATERIALIZED (
        SELECT f.id, f.class, f.target,
          row_number() OVER (PARTITION BY f.class, f.target ORDER BY f.rank, f.id) AS turn
        FROM unnest($3::bigint[]) AS r (id)
        CROSS JOIN LATERAL (
          SELECT j.id, j.target, j.class, j.rank FROM jobs j
          WHERE j.state = 'pending' AND j.hold IS NULL AND j.requirement_id = r.id
            AND NOT (j.other_than IS NOT NULL AND j.other_than = ANY ($1))
            AND NOT (j.avoid && $1::bigint[])
          ORDER BY j.class, j.rank, j.id LIMIT 2 * cardinality($1::bigint[]) + 8
        ) AS f
        WHERE EXISTS (SELECT FROM wishes)
      ), candidates AS MATERIALIZED (
        SELECT h.id,
          row_number() OVER (ORDER BY h.class, h.turn, c.claimed_at NULLS FIRST, h.id) AS place
        FROM heads h LEFT JOIN rank_clocks c USING (class, target)
        ORDER BY place LIMIT 2 * cardinality($1::bigint[]) + 8
      ), best AS (
        SELECT j.id, j.version_id, j.class, j.target, j.rank, c.place
        FROM candidates c JOIN jobs j ON j.id = c.id
        WHERE j.state = 'pending' AND j.hold IS NULL
        ORDER BY c.place LIMIT (SELECT count(*) FROM wishes)
        FOR UPDATE OF j SKIP LOCKED
      ), matched AS (
        SELECT b.id, b.version_id, w.id AS builder, w.slots, w.session
        FROM (SELECT *, row_number() OVER (ORDER BY place) AS turn FROM best) AS b
        JOIN wishes w USING (turn)
      ), present AS (
        SELECT b.id FROM matched m JOIN builders b ON b.id = m.builder
        WHERE b.state = 'approved' AND NOT b.draining AND m.session IN (0, b.session)
        FOR SHARE OF b SKIP LOCKED
      ), winners AS (
        SELECT m.* FROM matched m WHERE m.builder IN (SELECT id FROM present)
      ), siblings AS (
        SELECT DISTINCT ON (s.id) s.id, w.builder
        FROM winners w CROSS JOIN LATERAL (
          SELECT j.id FROM jobs j
          WHERE j.version_id = w.version_id AND j.verifies IS NULL
            AND j.state = 'pending' AND j.hold IS NULL AND j.requirement_id = ANY ($3)
            AND NOT (j.avoid && $1::bigint[]) AND j.id NOT IN (SELECT id FROM winners)
          ORDER BY j.id LIMIT w.slots - 1 FOR UPDATE SKIP LOCKED
        ) AS s
        WHERE w.slots > 1
      ), taken AS (
        SELECT id, builder, row_number() OVER (ORDER BY id) AS token
        FROM (SELECT id, builder FROM winners UNION ALL SELECT id, builder FROM siblings) AS t
      ), claimed AS (
        UPDATE jobs j SET state = 'leased', attempt = j.attempt + 1, builder_id = t.builder,
          lease_expires_at = clock_timestamp() + make_interval(secs => $4),
          failure_class = NULL, failure_message = NULL, updated_at = clock_timestamp()
        FROM taken t WHERE j.id = t.id
        RETURNING j.*, t.token
      ), begun AS (
        INSERT INTO attempts (job_id, attempt, builder_id, plan_digest, checks_digest, is_check, upload_token_hash)
        SELECT id, attempt, builder_id, plan_digest, checks_digest, only_check, ($5::text[])[token] FROM claimed
      ), clock AS (
        UPDATE rank_clocks c SET now = greatest(c.now, f.rank), claimed_at = clock_timestamp()
        FROM (
          SELECT f.class, f.target, m.rank FROM rank_clocks f
          JOIN (SELECT class, target, max(rank) AS rank FROM best
                WHERE id IN (SELECT id FROM winners) GROUP BY class, target) AS m
            ON m.class = f.class AND m.target = f.target
          -- Which target was last is all that matters: where it is the same again nothing is written.
          WHERE f.now < m.rank OR f.claimed_at IS DISTINCT FROM (
            SELECT max(l.claimed_at) FROM rank_clocks l WHERE l.class = f.class)
          -- About right is enough: nobody waits for another's commit.
          FOR UPDATE OF f SKIP LOCKED) AS f
        WHERE c.class = f.class AND c.target = f.target
      )
      SELECT claimed.builder_id, claimed.id, claimed.attempt, claimed.plan::text AS plan,
             claimed.limits_doubled, claimed.verifies IS NOT NULL AS is_verification, claimed.token,
             c.name, v.version, v.checksum, r.download_template, p.name AS check_name,
             p.sha256 AS check_sha256
      FROM claimed JOIN versions v ON v.id = claimed.version_id
      JOIN crates c ON c.id = v.crate_id JOIN registries r ON r.id = c.registry_id
      LEFT JOIN LATERAL (
        SELECT a.name, a.sha256 FROM artifacts a
        WHERE claimed.only_check AND a.build_id = claimed.build_id AND a.kind = 'binary'
        ORDER BY a.id LIMIT 1) AS p ON true
      ORDER BY claimed.builder_id, claimed.id
      """
    let parameters: [PostgresValue]
    init(_ wishes: [ClaimWish], requirements: [Int64], tokenHashes: [String], seconds: Int) {
      parameters = [
        .intArray(wishes.map(\.builder)), .intArray(wishes.map { Int64(max(1, $0.slots)) }),
        .intArray(requirements), .double(Double(seconds)), .textArray(tokenHashes),
        .intArray(wishes.map(\.session)),
        .intArray(wishes.map { Int64(min(max(0, $0.capacity), Int(Int32.max))) }),
      ]
    }
    func decode(_ row: PostgresRow) throws -> ClaimedJob {
      var plan = try JSONDecoder().decode(Plan.self, from: Data(try row.text("plan").utf8))
      if try row.bool("limits_doubled") { plan.limits = plan.limits.doubled }
      return ClaimedJob(
        builder: Int64(try row.int("builder_id")), id: Int64(try row.int("id")),
        attempt: Int32(try row.int("attempt")), plan: plan, crate: try row.text("name"),
        version: try row.text("version"), checksum: try row.text("checksum"),
        downloadTemplate: try row.text("download_template"),
        isVerification: try row.bool("is_verification"), check: try check(row),
        token: try row.int("token") - 1)
    }

    private func check(_ row: PostgresRow) throws -> CheckedArchive? {
      guard let name = try row.optionalText("check_name"),
        let sha256 = try row.optionalText("check_sha256")
      else { return nil }
      return CheckedArchive(name: name, sha256: sha256)
    }
  }

  struct Particular: Statement {
    static let sql = """
      SELECT EXISTS (SELECT FROM jobs
                     WHERE requirement_id = ANY ($1::bigint[]) AND state = 'pending'
                       AND hold IS NULL AND (other_than IS NOT NULL OR avoid <> '{}')) AS found
      """
    let parameters: [PostgresValue]
    init(requirements: [Int64]) { parameters = [.intArray(requirements)] }
    func decode(_ row: PostgresRow) throws -> Bool { try row.bool("found") }
  }

  struct LockLimits: Statement {
    static let sql = "SELECT pg_advisory_xact_lock(hashtext('builds.rs target limits'))"
  }

  /// The requirements of those targets of which another job may begin.
  struct WithinLimits: Statement {
    static let sql = """
      SELECT r.id FROM requirements r
      WHERE r.id = ANY ($1::bigint[]) AND NOT EXISTS (
        SELECT FROM unnest($2::text[], $3::int[]) AS l (target, most)
        WHERE l.target = r.target
          AND (SELECT count(*) FROM jobs j WHERE j.state = 'leased' AND j.target = l.target) >= l.most)
      """
    let parameters: [PostgresValue]
    init(requirements: [Int64], limits: [String: Int]) {
      let limits = limits.sorted { $0.key < $1.key }
      parameters = [
        .intArray(requirements), .textArray(limits.map(\.key)),
        .intArray(limits.map { Int64($0.value) }),
      ]
    }
    func decode(_ row: PostgresRow) throws -> Int64 { Int64(try row.int("id")) }
  }
}
