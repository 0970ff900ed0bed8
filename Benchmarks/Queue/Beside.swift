import Foundation
import LocalFarm
import Postgres

/// A program that measures something else on the same server, such as other queues.
struct Beside: Sendable {
  /// The program and its arguments; `--database-url URL` is added.
  let command: [String]

  func run(on farm: BenchFarm) async throws {
    guard !command.isEmpty else { return }
    let url = try await farm.server.cluster.url
    let child = try ChildProcess(
      "beside", command + ["--database-url", url], directory: "\(farm.server.directory)/state/logs")
    do {
      let status = try await withTaskCancellationHandler {
        let status = await child.ending()
        try Task.checkCancellation()
        return status
      } onCancel: {
        Task { await child.send(SIGTERM) }
      }
      guard status == 0 else {
        throw BenchFailure("\(command[0]) has failed (\(status)):\n\(child.lastLines(30))")
      }
    }
  }
}
