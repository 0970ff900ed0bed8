import BuilderProtocol
import ExecutorKit
import Postgres

/// Whether the database and the fleet tell the same story.
extension Verdict {
  struct StoredAttempt: Sendable {
    var builder: String
    var result: String?
    var failure: String?
    var isVerification: Bool
    /// SHA-256 by name.
    var files: [String: String] = [:]
  }

  func publishedAttempts() async throws -> Check {
    var check = Check("published", "what is published was finished by its builder under its fence")
    let attempts = try await storedAttempts()
    let entries = book.entries
    for (reference, attempt) in sorted(attempts) where attempt.result == "succeeded" {
      check.looked += 1
      guard let entry = entries[reference] else {
        check.violations.append("\(reference.text) succeeded, and nobody was given it")
        continue
      }
      if builders[entry.builder] != attempt.builder {
        check.violations.append(
          "\(reference.text) was given to \(builders[entry.builder]), and is \(attempt.builder)'s")
      }
      guard case .success(let files)? = entry.sent else {
        check.violations.append("\(reference.text) succeeded, and nobody has said so")
        continue
      }
      if !attempt.isVerification, files != attempt.files {
        check.violations.append("\(reference.text) is published with other files than were made")
      }
    }
    return check
  }

  func toldAttempts() async throws -> Check {
    var check = Check("told", "the database is as builders were told")
    let attempts = try await storedAttempts()
    for (reference, entry) in sorted(book.entries) {
      check.looked += 1
      guard let attempt = attempts[reference] else {
        check.violations.append("\(reference.text) was assigned, and is not in the database")
        continue
      }
      for answer in entry.answers {
        if let problem = contradiction(answer, entry, attempt) {
          check.violations.append("\(reference.text) \(problem)")
        }
      }
    }
    let strays = attempts.keys.count { book.entries[$0] == nil }
    if strays > 0 {
      check.remarks.append("\(strays) attempts began whose builder never heard of it")
    }
    return check
  }

  private func contradiction(
    _ answer: Book.Answer, _ entry: Book.Entry, _ attempt: StoredAttempt
  ) -> String? {
    let stored = "\(attempt.result ?? "open") \(attempt.failure ?? "")"
    switch (answer, entry.sent) {
    case (.accepted, .success) where attempt.result != "succeeded":
      return "was accepted as a success, and is \(stored)"
    case (.accepted, .failure(let failure)) where attempt.failure != failure.rawValue:
      return "was accepted as \(failure.rawValue), and is \(stored)"
    case (.rejected, _) where attempt.result != "failed":
      return "was rejected, and is \(stored)"
    case (.stale, .success) where attempt.result == "succeeded":
      return "was told stale, and is \(stored)"
    default: return nil
    }
  }

  func seenMeanwhile() async throws -> Check {
    var check = Check("conversation", "no builder was told what cannot be")
    check.looked = book.counts["assigned"] ?? 0
    check.violations = book.violations
    return check
  }

  private func storedAttempts() async throws -> [AttemptReference: StoredAttempt] {
    let stored = try await rows(
      """
      SELECT a.job_id, a.attempt, b.name, a.result, a.failure_class,
             j.verifies IS NOT NULL AS is_verification
      FROM attempts a JOIN builders b ON b.id = a.builder_id JOIN jobs j ON j.id = a.job_id
      """
    ) {
      (
        AttemptReference(job: Int64(try $0.int("job_id")), attempt: Int32(try $0.int("attempt"))),
        StoredAttempt(
          builder: try $0.text("name"), result: try $0.optionalText("result"),
          failure: try $0.optionalText("failure_class"),
          isVerification: try $0.bool("is_verification"))
      )
    }
    var attempts = Dictionary(stored) { first, _ in first }
    let files = try await rows(
      """
      SELECT b.job_id, b.attempt, a.name, a.sha256 FROM artifacts a JOIN builds b ON b.id = a.build_id
      """
    ) {
      (
        AttemptReference(job: Int64(try $0.int("job_id")), attempt: Int32(try $0.int("attempt"))),
        try $0.text("name"), try $0.text("sha256")
      )
    }
    for (reference, name, sha256) in files { attempts[reference]?.files[name] = sha256 }
    return attempts
  }

  private func sorted<Value>(
    _ values: [AttemptReference: Value]
  ) -> [(AttemptReference, Value)] {
    values.sorted { ($0.key.job, $0.key.attempt) < ($1.key.job, $1.key.attempt) }
      .map { ($0.key, $0.value) }
  }
}
