/// Hands on an attempt's log in chunks: a full one at once, else what has come within 200 ms.
actor LogPump {
  static let interval = Duration.milliseconds(200)

  private var batcher = LogBatcher()
  private let deliver: @Sendable (String) -> Void

  init(deliver: @escaping @Sendable (String) -> Void) { self.deliver = deliver }

  func add(_ text: String) { batcher.add(text).forEach(deliver) }

  func flush() { batcher.flush().forEach(deliver) }

  /// Flushes until the task is cancelled.
  func run() async {
    while !Task.isCancelled {
      try? await Task.sleep(for: Self.interval)
      flush()
    }
  }
}
