import Archives
import Blocking
import Cryptography
import ExecutorKit
import FarmModel
import Transfer

/// Brings the binaries of a published archive to the host, by checksum, to check them once more.
struct PublishedBinaries: Sendable {
  let file: CheckedFile
  let folders: AttemptFolders
  /// Bytes that the binaries may have together.
  let limit: Int64
  let log: AttemptLog
  let client: TransferClient

  /// - Throws: ``ExecutorFailure`` of class `infrastructure`: what cannot be read says nothing of the crate,
  ///   of which the farm has published exactly these bytes.
  func fetch() async throws -> [BuiltBinary] {
    let (archive, file) = (folders.archive, file)
    let transfer = TransferRequest(
      url: file.url, stallTimeout: .seconds(30), responseLimit: Int(limit))
    do {
      let response = try await client.downloadWithRetries(transfer, to: archive)
      guard response.isSuccess else {
        throw failure("is answered with status \(response.status)")
      }
    } catch let error as TransferError {
      try Task.checkCancellation()
      throw failure("cannot be fetched: \(error)")
    }
    let (found, size) = try await offCooperativePool { try SHA256.hex(ofFile: archive) }
    guard found == file.sha256 else {
      throw failure("has the sha256 \(found), and not \(file.sha256)")
    }
    log.line("fetched the published archive: \(size) bytes, sha256 \(found)")
    return try await unpack()
  }

  private func unpack() async throws -> [BuiltBinary] {
    let (archive, folder) = (folders.archive, folders.binaries)
    let limits = ArchiveLimits(unpackedSize: Int(limit), ratio: 1100)
    let names: [String]
    do throws(ArchiveError) {
      names = try await offCooperativePool { () throws(ArchiveError) in
        try unpackPrograms(
          archive: archive, into: folder, limits: limits, where: ArtifactName.isSafe)
      }
    } catch {
      throw failure("cannot be unpacked: \(error)")
    }
    guard !names.isEmpty else { throw failure("holds no program") }
    return names.map { BuiltBinary(name: $0, path: "\(folder)/\($0)") }
  }

  private func failure(_ what: String) -> ExecutorFailure {
    ExecutorFailure(.infrastructure, "the published archive at \(file.url) \(what)")
  }
}
