import ArtifactStorage
import Cryptography
import Database
import Logging

/// Moves the logs of ended attempts whole to storage, and deletes their uploads.
///
/// What fails here is done again later: nothing depends on it.
struct AttemptTidier: Sendable {
  let database: FarmDatabase
  let storage: any ArtifactStore
  let logger: Logger

  /// - Parameter hasRows: whether the database may know of a log or of uploads; where it cannot, it is
  ///   not asked.
  func tidy(job: Int64, attempt: Int32, hasRows: Bool = true) async {
    do {
      if hasRows {
        try await moveLog(job: job, attempt: attempt)
        for key in try await database.forgetUploads(job: job, attempt: attempt) {
          try await storage.delete(try StorageKey(key))
        }
      }
      try await deleteUnrecorded(job: job, attempt: attempt)
    } catch {
      logger.warning("attempt \(attempt) of job \(job) is tidied up later: \(error)")
    }
  }

  /// Uploads that were stored, but not recorded before the backend that took them died.
  private func deleteUnrecorded(job: Int64, attempt: Int32) async throws {
    let prefix = StorageKey.uploadPrefix(job: job, attempt: Int(attempt))
    while true {
      let found = try await storage.list(prefix: prefix, after: nil, limit: 100)
      for entry in found { try await storage.delete(entry.key) }
      if found.count < 100 { return }
    }
  }

  /// Deletes what dead backends have left in storage: files that were never whole, contents that were
  /// copied and never published, uploads that were stored and never recorded.
  func tidyStorage() async {
    do {
      await storage.sweepPartials(olderThan: Self.partialSeconds)
      try await deleteOrphans()
      try await deleteOldUploads()
    } catch {
      logger.warning("storage is tidied up later: \(error)")
    }
  }

  /// What is not begun in time is left to whoever condemns it again: the same bytes may be published by
  /// then.
  private func deleteOrphans() async throws {
    let owner = Random.token()
    let start = ContinuousClock.now
    let orphans = try await database.orphansToDelete(
      owner: owner, afterSeconds: Self.orphanSeconds, limit: 100)
    for sha256 in orphans {
      guard ContinuousClock.now - start < .seconds(database.deletionSeconds) else { return }
      try await storage.delete(try StorageKey.artifact(sha256: sha256))
      try await database.forgetOrphans([sha256], owner: owner)
    }
  }

  /// A writer that has written nothing for so long is dead, or will be told that its bytes are gone.
  private static let partialSeconds: Int64 = 60
  /// For so long, whoever has just built the same bytes may still publish them as they are.
  private static let orphanSeconds = 20.0

  private func deleteOldUploads() async throws {
    var last: StorageKey?
    while true {
      let found = try await storage.list(prefix: "uploads/", after: last, limit: 1000)
      let attempts = Dictionary(grouping: found.map(\.key), by: Self.attempt)
      let known = attempts.keys.compactMap(\.self).map { (job: $0.job, attempt: $0.attempt) }
      for ended in try await database.endedAttempts(known) {
        await tidy(job: ended.job, attempt: ended.attempt)
      }
      guard found.count == 1000 else { return }
      last = found.last?.key
    }
  }

  /// Whose upload a key is: `uploads/<job>/<attempt>/…`.
  private static func attempt(of key: StorageKey) -> AttemptNumber? {
    let parts = key.text.split(separator: "/")
    guard parts.count > 3, let job = Int64(parts[1]), let attempt = Int32(parts[2]) else {
      return nil
    }
    return AttemptNumber(job: job, attempt: attempt)
  }

  /// First the whole log in storage, then the pieces go in the statement that names it.
  ///
  /// Read at once: another backend may be at it, too, and delete the pieces between two reads.
  private func moveLog(job: Int64, attempt: Int32) async throws {
    let pieces = try await database.log(job: job, attempt: attempt, limit: Int(Int32.max))
    guard !pieces.isEmpty else { return }
    let text = pieces.flatMap { Array($0.text.utf8) }
    let sha256 = SHA256.hex(of: text)
    try await storage.put(try StorageKey.log(sha256: sha256), bytes: text)
    try await database.moveLog(
      job: job, attempt: attempt, sha256: sha256, bytes: Int64(text.count))
  }
}
