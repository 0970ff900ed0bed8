import ExecutorKit
import FarmModel
import RegularExpressions

/// Which commands a smoke run tries, and what their ends mean. Pure.
enum SmokeRules {
  /// Seconds for one start.
  static let timeLimitSeconds = 10

  /// What one start tells about a binary.
  enum Finding: Equatable, Sendable {
    case verdict(SmokeReport.Verdict)
    /// It panicked: fatal, unless another way of starting it is answered.
    case panicked(String)
    /// The binary does not work.
    case broken(String)
    /// The runner does not work, whatever the binary is.
    case runnerFailed(String)
  }

  /// The argument lists to try where a recipe says nothing; the first that is answered counts.
  static func defaultAttempts(binary: String) -> [[String]] {
    // Cargo starts `cargo-x` with `x` as its first argument.
    let prefix = "cargo-"
    let subcommand =
      binary.hasPrefix(prefix) ? [[String(binary.dropFirst(prefix.count)), "--version"]] : []
    return [["--version"]] + subcommand + [["--help"]]
  }

  /// The recipe's tests that apply to a binary.
  static func tests(_ tests: [SmokeTest], for binary: String) -> [SmokeTest] {
    tests.filter { $0.binary == nil || $0.binary == binary }
  }

  /// The first binary that the recipe's tests name and that was not built; nil: all were.
  static func missing(_ tests: [SmokeTest], binaries: [String]) -> String? {
    tests.compactMap(\.binary).first { !binaries.contains($0) }
  }

  /// What a start tells.
  /// - Throws: ``ExecutorFailure`` of class `smoke` where the expectation is no regular expression.
  static func judge(
    _ ending: CommandResult.Ending, output: String, expect: String?
  ) throws(ExecutorFailure) -> Finding {
    if let sign = runnerFailure(output, ending) { return .runnerFailed(sign) }
    if let reason = defect(ending, output) { return .broken(reason) }
    if let expect {
      return try meets(expect, output)
        ? .verdict(.expected) : .broken("its output does not match the recipe's “\(expect)”")
    }
    switch ending {
    case .exited(status: 0): return .verdict(.answered)
    case .exited(status: 101): return .panicked("it panicked (exit status 101)")
    default: return .verdict(.started)
    }
  }

  private static func meets(_ expect: String, _ output: String) throws(ExecutorFailure) -> Bool {
    do throws(RegularExpression.Failure) {
      return try RegularExpression(expect).finds(in: output)
    } catch {
      throw ExecutorFailure(
        .smoke, "the recipe's expectation “\(expect)” is no regular expression: \(error)")
    }
  }

  /// The end of a program that does not work, in words.
  private static func defect(_ ending: CommandResult.Ending, _ output: String) -> String? {
    if let line = loaderError(in: output) { return "the loader refuses it: \(line)" }
    switch ending {
    case .signalled(let number): return "it was ended by signal \(number)"
    case .outOfMemory: return "it ran out of memory"
    case .exited(status: 126): return "it cannot be executed (exit status 126)"
    case .exited(status: 127): return "it or its interpreter is not found (exit status 127)"
    case .exited, .timedOut: return nil
    }
  }

  /// Messages of the dynamic loader and of the kernel.
  private static func loaderError(in output: String) -> String? {
    let marks = [
      "error while loading shared libraries", "' not found (required by", "symbol lookup error",
      "cannot execute binary file", "Exec format error",
    ]
    return line(of: output) { line in marks.contains { line.contains($0) } }
  }

  /// QEMU's own failures. A signal of the program (`qemu: uncaught target signal`) is none of them,
  /// and neither is a library that the program asks for in vain.
  private static func runnerFailure(_ output: String, _ ending: CommandResult.Ending) -> String? {
    guard ending != .exited(status: 0) else { return nil }
    return line(of: output) { line in
      line.hasPrefix("qemu-") && line.contains(": Could not open '/")
        || line.hasPrefix("qemu") && line.contains("Unable to reserve")
        || line.hasPrefix("qemu") && line.contains("Unable to find a guest_base")
        || line.contains("[FATAL tini") && line.contains("exec qemu")
    }
  }

  private static func line(of output: String, where matches: (Substring) -> Bool) -> String? {
    output.split(whereSeparator: \.isNewline).first(where: matches).map(String.init)
  }
}
