import ExecutorKit
import Foundation
import Transfer

/// One command in a container of its own.
///
/// Not `exec` into a container that stays: the engine has no way to end what was started by exec,
/// while a container is ended and removed with everything in it.
enum Container {
  /// Runs a command to its end. When the task is cancelled or the time is over, the container and
  /// everything in it is killed; it is removed in every case.
  static func run(
    _ command: EnvironmentCommand, _ spec: ContainerSpec, on engine: Engine,
    output: @escaping @Sendable (CommandOutput) -> Void
  ) async throws -> CommandResult {
    do {
      let body = try engineJSON(spec.body(for: command))
      let id = try await engine.json(
        CreatedContainer.self, "POST", "/containers/create", [], .json(body)
      ).id
      do {
        let result = try await follow(id, command, on: engine, output: output)
        await remove(id, on: engine)
        return result
      } catch {
        await remove(id, on: engine)
        throw error
      }
    } catch let error as EngineError {
      try Task.checkCancellation()
      throw error.failure
    }
  }

  /// Kills and removes a container; a task of its own, waited for, since cancelling must not stop it.
  static func remove(_ id: String, on engine: Engine) async {
    await Task {
      _ = try? await engine.send("DELETE", "/containers/\(id)", [("force", "1"), ("v", "1")])
    }.value
  }

  /// Starts the container with its output and its end already listened to, so that nothing is missed.
  private static func follow(
    _ id: String, _ command: EnvironmentCommand, on engine: Engine,
    output: @escaping @Sendable (CommandOutput) -> Void
  ) async throws -> CommandResult {
    let attached = try await engine.stream(
      "POST", "/containers/\(id)/attach", [("stream", "1"), ("stdout", "1"), ("stderr", "1")])
    let waiting = try await engine.stream(
      "POST", "/containers/\(id)/wait", [("condition", "next-exit")])
    let start = ContinuousClock.now
    try await engine.send("POST", "/containers/\(id)/start")
    let isTimedOut = try await withThrowingTaskGroup(of: Bool.self) { group in
      group.addTask {
        var frames = OutputFrames()
        for try await bytes in attached { frames.add(bytes).forEach(output) }
        return false
      }
      group.addTask {
        try await Task.sleep(for: .seconds(command.timeLimitSeconds))
        return true
      }
      defer { group.cancelAll() }
      return try await group.next() ?? false
    }
    let elapsed = (ContinuousClock.now - start) / .seconds(1)
    if isTimedOut { return CommandResult(.timedOut, seconds: elapsed) }
    let exit = try engine.decode(
      ContainerExit.self, try await waiting.collect(limit: 1 << 16), request: "wait")
    let facts = try await engine.json(ContainerFacts.self, "GET", "/containers/\(id)/json")
    return CommandResult(
      ending(status: exit.statusCode, outOfMemory: facts.state.ranOutOfMemory), seconds: elapsed)
  }

  /// What an exit status tells. The engine's init ends with 128 and the number of the signal that
  /// ended the command.
  static func ending(status: Int32, outOfMemory: Bool) -> CommandResult.Ending {
    if outOfMemory && status != 0 { return .outOfMemory }
    return (129...159).contains(status) ? .signalled(number: status - 128) : .exited(status: status)
  }
}
