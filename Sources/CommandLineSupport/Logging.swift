public import ArgumentParser
public import Logging
import Synchronization

/// How much is logged: this level and everything more severe.
public enum LogLevel: String, Sendable, CaseIterable, ExpressibleByArgument {
  case trace, debug, info, notice, warning, error, critical

  /// swift-log's own level of this name.
  public var loggerLevel: Logger.Level { Logger.Level(rawValue: rawValue) ?? .info }
}

private let isLoggingInstalled = Mutex(false)

/// Sends every log of the process to standard error, from `level` upwards. The first call counts:
/// swift-log can be set up once in a process.
public func installLogging(_ level: LogLevel) {
  let isFirst = isLoggingInstalled.withLock { installed in
    defer { installed = true }
    return !installed
  }
  guard isFirst else { return }
  LoggingSystem.bootstrap { label in
    var handler = StreamLogHandler.standardError(label: label)
    handler.logLevel = level.loggerLevel
    return handler
  }
}
