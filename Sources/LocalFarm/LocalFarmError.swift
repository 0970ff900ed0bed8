/// Why a farm on this machine does not work.
public enum LocalFarmError: Error, Sendable, Equatable, CustomStringConvertible {
  case cannotStart(program: String, reason: String)
  /// A child ended or said nothing before it was ready.
  case notReady(name: String, reason: String, log: String)
  /// A command that should have succeeded did not.
  case failed(name: String, log: String)
  /// The API answered something else than was needed.
  case unexpectedAnswer(url: String, problem: String)

  public var description: String {
    switch self {
    case .cannotStart(let program, let reason): "cannot start \(program): \(reason)"
    case .notReady(let name, let reason, let log):
      "\(name) did not become ready: \(reason)\n\(log)"
    case .failed(let name, let log): "\(name) failed:\n\(log)"
    case .unexpectedAnswer(let url, let problem): "\(url): \(problem)"
    }
  }
}
