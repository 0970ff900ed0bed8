public import ArgumentParser

/// What a command came to: what it prints at its end, and its exit code.
struct CommandEnd: Equatable {
  var code: Int32
  var message = ""
  /// Help and version go to standard output, errors to standard error.
  var isError: Bool { code != 0 }
}

/// Parses and runs a program's commands with the exit codes 0 done, 1 failed, 2 wrong usage.
public enum CommandRunner {
  /// Runs the command that the arguments name, tells what went wrong on standard error, and answers
  /// the exit code.
  /// - Parameter arguments: without the program's name; nil: the process's own.
  public static func run<Root: ParsableCommand>(
    _ root: Root.Type, arguments: [String]? = nil, terminal: Terminal = Terminal()
  ) async -> Int32 {
    let end = await end(of: root, arguments: arguments, terminal: terminal)
    if end.isError {
      terminal.printError(end.message)
    } else if !end.message.isEmpty {
      print(end.message)
    }
    return end.code
  }

  static func end<Root: ParsableCommand>(
    of root: Root.Type, arguments: [String]?, terminal: Terminal
  ) async -> CommandEnd {
    do {
      var command = try root.parseAsRoot(arguments)
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
      return CommandEnd(code: 0)
    } catch {
      return end(of: root, error, terminal)
    }
  }

  private static func end<Root: ParsableCommand>(
    of root: Root.Type, _ error: any Error, _ terminal: Terminal
  ) -> CommandEnd {
    if let code = error as? ExitCode { return CommandEnd(code: code.rawValue) }
    let prefix = terminal.styled("error:", .bold, .red, for: .error)
    if let failure = error as? CommandFailure {
      return CommandEnd(code: failure.exitCode.rawValue, message: "\(prefix) \(failure.message)")
    }
    switch root.exitCode(for: error) {
    case .success: return CommandEnd(code: 0, message: root.fullMessage(for: error))
    case .validationFailure:
      return CommandEnd(
        code: CommandFailure.Code.usage.rawValue, message: root.fullMessage(for: error))
    default:
      return CommandEnd(code: CommandFailure.Code.failed.rawValue, message: "\(prefix) \(error)")
    }
  }
}
