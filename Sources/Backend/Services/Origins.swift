import Synchronization

/// The origins under which the farm is reached; the default is known only when it listens.
final class Origins: Sendable {
  private let known: Mutex<[String]>

  init(_ urls: [String]) { known = Mutex(urls.map(Self.normalize)) }

  /// Tells what is listened on, which counts where nothing was configured.
  func listening(host: String, port: Int) {
    known.withLock { known in
      if known.isEmpty { known = ["http://\(host.contains(":") ? "[\(host)]" : host):\(port)"] }
    }
  }

  var all: Set<String> { Set(known.withLock { $0 }) }
  /// The one that links use.
  var first: String { known.withLock { $0.first ?? "" } }

  private static func normalize(_ url: String) -> String {
    url.hasSuffix("/") ? normalize(String(url.dropLast())) : url
  }
}
