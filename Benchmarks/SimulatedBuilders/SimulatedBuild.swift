public import BuilderProtocol
import Cryptography
import ExecutorKit
public import FarmModel
import Foundation
public import Transfer

extension AssignedJob {
  /// The name of the archive that the job must upload.
  public var archive: String {
    ArtifactName.archive(
      crate: plan.inputs.crate, version: plan.inputs.version, target: plan.inputs.target)
  }

  /// A report of a build that made one file.
  ///
  /// - Parameter name: of the file; nil: ``archive``.
  public func report(_ bytes: [UInt8], name: String? = nil) -> BuildReport {
    let inspection = Inspection(
      format: "ELF64", machine: "x86_64", endianness: "little", interpreter: "/lib64/ld.so",
      needed: ["libc.so.6"], glibcFloor: "2.34")
    let smoke = SmokeReport(
      arguments: ["--version"], verdict: .answered, output: "tool 1.0.0\n", exitStatus: 0,
      runner: [])
    return BuildReport(
      binaries: [
        BinaryReport(
          name: "tool", size: 4, sha256: SHA256.hex(of: "tool"), inspection: inspection,
          smoke: [smoke])
      ], leftOut: [],
      environment: EnvironmentIdentity(
        digest: "sha256:e", rustc: "rustc 1.96.0 (abc)", cargo: "cargo 1.96.0", linker: "gcc"),
      seconds: ["build": 1.5],
      artifacts: [
        ArtifactReport(
          name: name ?? archive, kind: .binary, size: Int64(bytes.count),
          sha256: SHA256.hex(of: bytes))
      ])
  }

  /// Uploads the archive as a builder does.
  ///
  /// - Returns: The status that the backend answered.
  public func upload(_ bytes: [UInt8], by client: TransferClient) async throws -> Int {
    let digest = Data(SHA256.digest(of: bytes)).base64EncodedString()
    let response = try await client.perform(
      TransferRequest(
        method: "PUT", url: "\(uploadURL)/\(archive)",
        headers: [
          "Authorization": "Bearer \(uploadToken)", "Content-Digest": "sha-256=:\(digest):",
        ], body: .bytes(bytes), timeout: .seconds(20)))
    return response.status
  }
}
