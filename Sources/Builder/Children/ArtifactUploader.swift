import Cryptography
import FarmModel
import Foundation
import Transfer

/// Why an attempt's files did not reach the backend.
enum UploadFailure: Error, Sendable, Equatable, CustomStringConvertible {
  /// The backend does not take them: the token or the lease is no longer valid.
  case stale(status: Int)
  /// The backend refuses this file: too large, wrong digest, bad name.
  case refused(file: String, status: Int, message: String)
  /// The host announced a file that is not there, or has another size or an unsafe name.
  case badArtifact(String)
  /// It was tried for too long.
  case gaveUp(String)

  var description: String {
    switch self {
    case .stale(let status): "the backend answered \(status): the lease is another's"
    case .refused(let file, let status, let message):
      "the backend refused \(file) with \(status): \(message)"
    case .badArtifact(let problem): problem
    case .gaveUp(let problem): "the upload was given up: \(problem)"
    }
  }
}

/// Sends an attempt's files to the backend, streamed, each again after failures that may pass.
struct ArtifactUploader: Sendable {
  let client: TransferClient
  /// `PUT {upload_url}/{file}`.
  let uploadURL: String
  let token: String
  /// How long one file is tried.
  var patience: Duration = .seconds(600)

  /// Uploads the files of a directory, one after the other.
  /// - Throws: ``UploadFailure``, or `CancellationError` when the lease was lost meanwhile.
  func upload(_ artifacts: [ArtifactReport], from directory: String) async throws {
    for artifact in artifacts {
      let path = directory + "/" + artifact.name
      try check(artifact, path)
      try await upload(artifact, path)
    }
  }

  private func check(_ artifact: ArtifactReport, _ path: String) throws {
    guard ArtifactName.isSafe(artifact.name), let digest = Hex.decode(artifact.sha256),
      digest.count == 32
    else { throw UploadFailure.badArtifact("the host names an unsafe file “\(artifact.name)”") }
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    guard attributes?[.type] as? FileAttributeType == .typeRegular,
      (attributes?[.size] as? NSNumber)?.int64Value == artifact.size
    else {
      throw UploadFailure.badArtifact(
        "\(artifact.name) is not the file of \(artifact.size) bytes that the host has reported")
    }
  }

  private func upload(_ artifact: ArtifactReport, _ path: String) async throws {
    let start = ContinuousClock.now
    var backoff = Backoff()
    while true {
      let problem: String
      do {
        let response = try await client.perform(request(artifact, path))
        guard let found = try Self.problem(response, artifact.name) else { return }
        problem = found
      } catch let error as TransferError {
        if error.kind == .cancelled { throw CancellationError() }
        guard TransferRetryPolicy().isTransient(error) else {
          throw UploadFailure.gaveUp("\(error)")
        }
        problem = "\(error)"
      }
      guard ContinuousClock.now - start < patience else { throw UploadFailure.gaveUp(problem) }
      try await Task.sleep(for: backoff.next())
    }
  }

  private func request(_ artifact: ArtifactReport, _ path: String) -> TransferRequest {
    let digest = Data(Hex.decode(artifact.sha256) ?? []).base64EncodedString()
    return TransferRequest(
      method: "PUT", url: uploadURL + "/" + artifact.name.replacing("+", with: "%2B"),
      headers: [
        "Authorization": "Bearer \(token)",
        "Content-Type": "application/octet-stream",
        // RFC 9530.
        "Content-Digest": "sha-256=:\(digest):",
      ],
      body: .file(path: path), stallTimeout: .seconds(30))
  }

  /// Nil: it is there. A text: try again.
  private static func problem(_ response: TransferResponse, _ file: String) throws -> String? {
    switch response.status {
    case 200..<300: return nil
    case 401, 403, 409, 410: throw UploadFailure.stale(status: response.status)
    case let status where TransferRetryPolicy().isTransient(status: status):
      return "the backend answered \(status)"
    default:
      throw UploadFailure.refused(
        file: file, status: response.status,
        message: String(decoding: response.body.prefix(500), as: UTF8.self))
    }
  }
}
