import ExecutorKit
import Foundation

/// One executor host's whole life: load the module, take one request, answer, end.
public struct HostSession: Sendable {
  private let connection: HostConnection
  private let modulePath: String

  /// - Parameter modulePath: the module's shared library.
  public init(connection: HostConnection, modulePath: String) {
    self.connection = connection
    self.modulePath = modulePath
  }

  /// Runs until the answer is written.
  /// - Returns: the process's exit status: 0 when a final event was sent.
  public func run() async -> Int32 {
    var work: Task<Void, Never>?
    for await input in connection.input {
      switch input {
      case .cancel: work?.cancel()
      case .request(let line) where work == nil:
        work = Task {
          await answer(line)
          connection.closeInput()
        }
      case .request: break
      }
    }
    guard let work else { return 1 }
    await work.value
    await connection.flush()
    return 0
  }

  private func answer(_ line: String) async {
    do {
      let request = try JSONDecoder().decode(HostRequest.self, from: Data(line.utf8))
      let module = try ModuleLoader.load(modulePath)
      try await answer(request, by: module)
    } catch let error as DecodingError {
      connection.send(.refused(message: "the request is not understood: \(error)"))
    } catch {
      connection.send(.refused(message: "\(error)"))
    }
  }

  private func answer(_ request: HostRequest, by module: any ExecutorModule) async throws {
    switch request {
    case .describe: connection.send(.described(module.describe()))
    case .probe(let request): connection.send(.probed(await module.probe(request)))
    case .sweep(let request): connection.send(.swept(try await module.sweep(request)))
    case .prepare(let request):
      connection.send(await BuildPipeline.prepare(request, module: module) { connection.send($0) })
    case .build(let request):
      let (outcome, report) = await BuildPipeline.run(request, module: module) {
        connection.send($0)
      }
      connection.send(.finished(outcome, report))
    }
  }
}
