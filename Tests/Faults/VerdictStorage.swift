import Cryptography
import Foundation
import Postgres

/// Whether rows and files belong together.
extension Verdict {
  func artifacts() async throws -> Check {
    var check = Check("missing", "every file of every row is there, with its bytes")
    let artifacts = try await rows(
      """
      SELECT DISTINCT format('artifacts/%s/%s', left(sha256, 2), sha256) AS path, sha256, size
      FROM artifacts
      UNION
      SELECT DISTINCT format('logs/%s', log_sha256), log_sha256, log_bytes
      FROM attempts WHERE log_sha256 IS NOT NULL ORDER BY path
      """
    ) { (try $0.text("path"), try $0.text("sha256"), Int64(try $0.int("size"))) }
    for (path, sha256, size) in artifacts {
      check.looked += 1
      guard let found = try? SHA256.hex(ofFile: "\(storage)/\(path)") else {
        check.violations.append("\(path) is missing")
        continue
      }
      if found.hex != sha256 || found.size != size {
        check.violations.append("\(path) has \(found.size) bytes with SHA-256 \(found.hex)")
      }
    }
    return check
  }

  func unreferenced() async throws -> Check {
    var check = Check("unreferenced", "every file belongs to a row")
    let known = Set(
      try await texts(
        """
        SELECT format('artifacts/%s/%s', left(sha256, 2), sha256) AS text FROM artifacts
        UNION SELECT format('logs/%s', log_sha256) FROM attempts WHERE log_sha256 IS NOT NULL
        UNION SELECT storage_key FROM uploads
        UNION SELECT 'farm.json'
        """))
    for path in files() {
      check.looked += 1
      guard !known.contains(path) else { continue }
      check.violations.append("\(path) belongs to nothing")
    }
    return check
  }

  func leftovers() async throws -> Check {
    var check = Check("tidied", "nothing is left of ended attempts but their result and their log")
    check.looked = try await count("attempts")
    check.violations = try await texts(
      """
      SELECT format('job %s, attempt %s still has %s pieces of log', job_id, attempt, count(*)) AS text
      FROM log_chunks GROUP BY job_id, attempt
      UNION ALL
      SELECT format('job %s, attempt %s still has the upload %s', job_id, attempt, name) FROM uploads
      """)
    return check
  }

  /// The paths of all files below the storage's folder.
  private func files() -> [String] {
    let manager = FileManager.default
    return (manager.enumerator(atPath: storage)?.compactMap { $0 as? String } ?? []).filter {
      var isFolder: ObjCBool = false
      return manager.fileExists(atPath: "\(storage)/\($0)", isDirectory: &isFolder)
        && !isFolder.boolValue
    }.sorted()
  }
}
