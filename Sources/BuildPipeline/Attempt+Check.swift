import Blocking
import ExecutorKit
import FarmModel
import Transfer

/// A check: what is published is inspected and started once more, as the plan says by now. Nothing is built.
extension Attempt {
  /// - Returns: A report without artifacts.
  func check(_ published: CheckedFile) async throws -> BuildReport {
    let moduleName = module.describe().name
    var times = StageTimes(emit: emit)
    let binaries = try await times.measure(.fetch) {
      let folders = folders
      try await offCooperativePool { () throws(ExecutorFailure) in
        try folders.create(module: moduleName)
        // Nothing is in it: the environment's mounts are the same for whatever it does.
        try makeFolders([folders.crate])
      }
      let client = TransferClient()
      defer { client.shutdown() }
      return try await PublishedBinaries(
        file: published, folders: folders, limit: request.plan.limits.disk, log: log,
        client: client
      ).fetch()
    }
    let workplace = try await times.measure(.prepare) {
      Workplace(environment: try await environment(moduleName, folders), folders: folders)
    }
    return try await use(workplace) { run in
      let reports = try await examine(binaries, run, &times)
      return BuildReport(
        binaries: reports, leftOut: [], environment: record(of: workplace),
        seconds: times.seconds, artifacts: [])
    }
  }
}
