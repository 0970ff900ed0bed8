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
///
/// - Parameter prepare: is called before each line, to take away what is on a person's screen now.
public func installLogging(_ level: LogLevel, prepare: (@Sendable () -> Void)? = nil) {
  let isFirst = isLoggingInstalled.withLock { installed in
    defer { installed = true }
    return !installed
  }
  guard isFirst else { return }
  LoggingSystem.bootstrap { label in
    var handler = StreamLogHandler.standardError(label: label)
    handler.logLevel = level.loggerLevel
    return prepare.map { PreparedLogHandler(base: handler, prepare: $0) } ?? handler
  }
}

/// Calls a function before each line of another handler.
private struct PreparedLogHandler: LogHandler {
  var base: any LogHandler
  let prepare: @Sendable () -> Void

  var logLevel: Logger.Level {
    get { base.logLevel }
    set { base.logLevel = newValue }
  }
  var metadata: Logger.Metadata {
    get { base.metadata }
    set { base.metadata = newValue }
  }
  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { base[metadataKey: key] }
    set { base[metadataKey: key] = newValue }
  }

  func log(event: LogEvent) {
    prepare()
    base.log(event: event)
  }
}
