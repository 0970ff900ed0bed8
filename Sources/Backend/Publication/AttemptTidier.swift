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
