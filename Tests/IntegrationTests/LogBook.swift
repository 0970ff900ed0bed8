import Logging
import Synchronization

/// Keeps what is logged, for tests of what operators are told.
final class LogBook: Sendable {
  private let lines = Mutex<[String]>([])

  func contains(_ text: String) -> Bool { lines.withLock { $0.contains { $0.contains(text) } } }

  var logger: Logger {
    Logger(label: "under test") { _ in Handler(book: self) }
  }

  private struct Handler: LogHandler {
    let book: LogBook
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      book.lines.withLock { $0.append("\(event.level) \(event.message)") }
    }
  }
}
