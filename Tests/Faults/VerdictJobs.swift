import Postgres

/// Whether every job has come to its end, once.
extension Verdict {
  func finalStates() async throws -> Check {
    var check = Check("lost", "every job is there and in a final state")
    check.looked = try await count("jobs")
    check.violations = try await texts(
      """
      SELECT format('job %s (%s) is %s after attempt %s: %s', j.id, c.name, j.state, j.attempt,
                    coalesce(j.failure_message, 'never tried')) AS text
      FROM jobs j JOIN versions v ON v.id = j.version_id JOIN crates c ON c.id = v.crate_id
      WHERE j.state IN ('pending', 'leased')
        AND to_jsonb(j) ->> 'hold' IS DISTINCT FROM 'suspect' ORDER BY j.id
      """)
    check.remarks = try await texts(
      """
      SELECT format('job %s is held for an operator: it failed on several builders', id) AS text
      FROM jobs WHERE state = 'pending' AND to_jsonb(jobs) ->> 'hold' = 'suspect' ORDER BY id
      """)
    // Whoever is no longer yanked must not stay cancelled; verifications of what is served no more may.
    check.violations += try await texts(
      """
      SELECT format('job %s (%s) is cancelled, but its version is not yanked', j.id, c.name) AS text
      FROM jobs j JOIN versions v ON v.id = j.version_id JOIN crates c ON c.id = v.crate_id
      WHERE j.state = 'cancelled' AND NOT v.yanked AND j.verifies IS NULL ORDER BY j.id
      """)
    check.violations += try await texts(
      """
      SELECT format('job %s (%s) ended with an old plan', j.id, c.name) AS text
      FROM jobs j JOIN versions v ON v.id = j.version_id JOIN crates c ON c.id = v.crate_id
      WHERE NOT v.yanked AND j.verifies IS NULL AND j.state <> 'cancelled'
        AND j.plan #>> '{inputs,checksum}' <> v.checksum ORDER BY j.id
      """)
    return try await missingJobs(check)
  }

  /// What the sync was told is kept must be there.
  private func missingJobs(_ check: Check) async throws -> Check {
    var check = check
    let jobs = try await rows(
      """
      SELECT c.name, v.yanked, v.checksum, count(j.id) AS jobs
      FROM crates c JOIN versions v ON v.crate_id = c.id
      LEFT JOIN jobs j ON j.version_id = v.id AND j.verifies IS NULL GROUP BY 1, 2, 3
      """
    ) {
      (
        name: try $0.text("name"), yanked: try $0.bool("yanked"),
        checksum: try $0.text("checksum"), jobs: try $0.int("jobs")
      )
    }
    let byName = Dictionary(jobs.map { ($0.name, $0) }) { first, _ in first }
    for version in versions {
      guard let found = byName[version.crate] else {
        check.violations.append("\(version.crate) was reported, and is not there")
        continue
      }
      if found.yanked != version.isYanked || found.checksum != version.checksum {
        check.violations.append("\(version.crate) is not as it was reported last")
      }
      // A version that was yanked before its jobs were made has none.
      if found.jobs != Farm.targets.count, !(found.yanked && found.jobs == 0) {
        check.violations.append("\(version.crate) has \(found.jobs) jobs")
      }
    }
    return check
  }

  func openLeases() async throws -> Check {
    var check = Check("leases", "no lease and no attempt is open")
    check.looked = try await count("attempts")
    check.violations = try await texts(
      """
      SELECT format('job %s is leased to builder %s until %s', id, builder_id, lease_expires_at)
        AS text FROM jobs
      WHERE state = 'leased' OR builder_id IS NOT NULL OR lease_expires_at IS NOT NULL
      UNION ALL
      SELECT format('attempt %s of job %s has not ended', attempt, job_id) FROM attempts
      WHERE finished_at IS NULL
      """)
    return check
  }

  func numbers() async throws -> Check {
    var check = Check("fences", "attempts are numbered from 1 without gaps")
    check.looked = try await count("jobs")
    check.violations = try await texts(
      """
      SELECT format('job %s is at attempt %s, and has %s numbered up to %s', j.id, j.attempt,
                    count(a.attempt), max(a.attempt)) AS text
      FROM jobs j LEFT JOIN attempts a ON a.job_id = j.id GROUP BY j.id
      HAVING j.attempt <> count(a.attempt) OR j.attempt <> coalesce(max(a.attempt), 0)
      ORDER BY j.id
      """)
    return check
  }

  func doubles() async throws -> Check {
    var check = Check("doubled", "nothing was finished twice")
    check.looked = try await count("builds")
    check.violations = try await texts(
      """
      SELECT format('job %s succeeded by attempts %s and %s under one plan', a.job_id, a.attempt,
                    b.attempt) AS text
      FROM attempts a JOIN attempts b ON b.job_id = a.job_id AND b.attempt > a.attempt
      WHERE a.result = 'succeeded' AND b.result = 'succeeded' AND NOT EXISTS (
        SELECT FROM faults.new_builds p
        WHERE p.job_id = a.job_id AND p.attempt >= a.attempt AND p.attempt < b.attempt)
      UNION ALL
      SELECT format('attempt %s of job %s succeeded without a result', a.attempt, a.job_id)
      FROM attempts a WHERE a.result = 'succeeded'
        AND NOT EXISTS (SELECT FROM builds b WHERE (b.job_id, b.attempt) = (a.job_id, a.attempt))
        AND NOT EXISTS (SELECT FROM verifications v
                        WHERE (v.job_id, v.attempt) = (a.job_id, a.attempt))
      UNION ALL
      SELECT format('build %s is of attempt %s of job %s, which did not succeed', b.id, b.attempt,
                    b.job_id)
      FROM builds b JOIN attempts a ON (b.job_id, b.attempt) = (a.job_id, a.attempt)
      WHERE a.result <> 'succeeded'
      UNION ALL
      SELECT format('job %s serves build %s, which is not its own', j.id, b.id)
      FROM jobs j JOIN builds b ON b.id = j.build_id
      WHERE b.job_id <> j.id AND j.verifies IS DISTINCT FROM b.id
      UNION ALL
      SELECT format('job %s succeeded, and serves build %s of another plan', j.id, b.id)
      FROM jobs j JOIN builds b ON b.id = j.build_id
      WHERE j.state = 'succeeded' AND j.verifies IS NULL AND b.plan_digest <> j.plan_digest
      """)
    return check
  }
}
