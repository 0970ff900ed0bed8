/// Why a command did not do what it was asked, for the person who typed it.
public struct CommandFailure: Error, Sendable, Equatable, CustomStringConvertible {
  /// What scripts see.
  public enum Code: Int32, Sendable {
    /// It was tried and did not work.
    case failed = 1
    /// It was asked wrongly; nothing was tried.
    case usage = 2
  }

  /// What, where, and the remedy.
  public var message: String
  public var exitCode: Code

  public init(_ message: String, exitCode: Code = .failed) {
    self.message = message
    self.exitCode = exitCode
  }

  /// A failure of wrong usage.
  public static func usage(_ message: String) -> CommandFailure {
    CommandFailure(message, exitCode: .usage)
  }

  public var description: String { message }
}
