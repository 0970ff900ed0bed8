import Blocking
import Cryptography
import ExecutorKit
import FarmModel

/// Reads each binary and refuses what the target does not promise.
struct InspectStage: Sendable {
  let plan: Plan
  let log: AttemptLog

  /// One report a binary, in their order.
  /// - Throws: ``ExecutorFailure`` of class `inspection`.
  func inspect(_ binaries: [BuiltBinary]) async throws -> [BinaryReport] {
    var reports: [BinaryReport] = []
    for binary in binaries {
      let report = try await offCooperativePool { try inspect(binary) }
      log.line(
        "\(binary.name): \(report.size) bytes, \(report.inspection.format)"
          + " \(report.inspection.machine), glibc \(report.inspection.glibcFloor ?? "none"),"
          + " needs \(report.inspection.needed.joined(separator: ", "))")
      reports.append(report)
    }
    return reports
  }

  private func inspect(_ binary: BuiltBinary) throws -> BinaryReport {
    let file: ELFFile
    do throws(ELFFile.Failure) { file = try ELFFile(path: binary.path) } catch {
      throw ExecutorFailure(.inspection, "\(binary.name): \(error)")
    }
    let inspector = Inspector(inputs: plan.inputs, checks: plan.checks)
    if let objection = inspector.objection(to: file) {
      throw ExecutorFailure(.inspection, "\(binary.name): \(objection)")
    }
    let (sha256, size) = try SHA256.hex(ofFile: binary.path)
    return BinaryReport(
      name: binary.name, size: size, sha256: sha256, inspection: Inspector.inspection(of: file))
  }
}
