import ExecutorKit
import Foundation

/// How a command in a sandbox ended. Pure.
enum Ending {
  /// - Parameters:
  ///   - end: Of bubblewrap, with its own report.
  ///   - isTimedOut: Whether it was killed for its time.
  ///   - killedForMemory: How many of its processes the kernel has killed.
  /// - Throws: ``ExecutorFailure`` where the command was never started, or bubblewrap was killed from
  ///   outside.
  static func of(
    _ end: ChildProcess.End, isTimedOut: Bool, killedForMemory: Int
  ) throws(ExecutorFailure) -> CommandResult.Ending {
    if let status = commandStatus(end.report) {
      if status != 0 && killedForMemory > 0 { return .outOfMemory }
      // Of a command that a signal ended, bubblewrap tells 128 and the signal's number.
      return (129...159).contains(status)
        ? .signalled(number: status - 128) : .exited(status: status)
    }
    if isTimedOut { return .timedOut }
    if killedForMemory > 0 { return .outOfMemory }
    if let signal = end.signal {
      throw ExecutorFailure(
        .infrastructure, "the sandbox was killed from outside by signal \(signal)")
    }
    let words = end.lastWords.trimmingCharacters(in: .whitespacesAndNewlines)
    throw ExecutorFailure(.infrastructure, "the sandbox could not be made: \(words)")
  }

  /// The `exit-code` of bubblewrap's report, which is a JSON object a line; nil: the command has not
  /// started, or bubblewrap did not see its end.
  static func commandStatus(_ report: String) -> Int32? {
    struct Line: Decodable {
      let status: Int32
      enum CodingKeys: String, CodingKey { case status = "exit-code" }
    }
    let lines = report.split(separator: "\n").compactMap {
      try? JSONDecoder().decode(Line.self, from: Data($0.utf8))
    }
    return lines.last?.status
  }
}
