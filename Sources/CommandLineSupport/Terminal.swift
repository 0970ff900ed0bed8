import Foundation

/// How text looks in a terminal (ECMA-48, "select graphic rendition").
public enum TextStyle: Int, Sendable {
  case bold = 1
  case dim = 2
  case red = 31
  case green = 32
  case yellow = 33
  case blue = 34
  case cyan = 36
}

/// Where a program's output goes, and whether a person watches it there.
public struct Terminal: Sendable, Equatable {
  public enum Stream: Sendable { case output, error }

  /// Whether standard output is a terminal: show progress, use colours.
  public var isOutputTerminal: Bool
  /// Whether standard error is a terminal.
  public var isErrorTerminal: Bool
  /// Whether the person wants colours: not with `NO_COLOR` (no-color.org) or `TERM=dumb`.
  public var allowsColour: Bool

  /// What is nil is taken from the process.
  public init(
    isOutputTerminal: Bool? = nil, isErrorTerminal: Bool? = nil,
    environment: [String: String]? = nil
  ) {
    self.isOutputTerminal = isOutputTerminal ?? (isatty(STDOUT_FILENO) == 1)
    self.isErrorTerminal = isErrorTerminal ?? (isatty(STDERR_FILENO) == 1)
    let environment = environment ?? ProcessInfo.processInfo.environment
    allowsColour = (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM"] != "dumb"
  }

  /// How many columns the terminal of standard error has; nil: it is none, or does not tell.
  public var errorColumns: Int? {
    var size = winsize()
    guard isErrorTerminal, ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 1
    else { return nil }
    return Int(size.ws_col)
  }

  /// The text in some styles where a person watches the stream in colour, else the text itself.
  public func styled(_ text: String, _ styles: TextStyle..., for stream: Stream = .output) -> String
  {
    styled(text, styles, for: stream)
  }

  /// ``styled(_:_:for:)`` with the styles in an array.
  public func styled(_ text: String, _ styles: [TextStyle], for stream: Stream = .output) -> String
  {
    let isTerminal = stream == .output ? isOutputTerminal : isErrorTerminal
    guard isTerminal, allowsColour, !styles.isEmpty else { return text }
    let codes = styles.map { String($0.rawValue) }.joined(separator: ";")
    return "\u{1B}[\(codes)m\(text)\u{1B}[0m"
  }

  /// Writes a line to standard error; lost where nobody reads it.
  public func printError(_ message: String) {
    guard !message.isEmpty else { return }
    try? FileHandle.standardError.write(contentsOf: Data((message + "\n").utf8))
  }
}
