import CCurl
import Glibc

/// The loop of the curl thread. Nothing of it is seen by another thread.
final class EngineLoop {
  private let engine: Engine
  private let multi: UnsafeMutableRawPointer
  private let configuration: TransferConfiguration
  private var active: [UnsafeMutableRawPointer: Operation] = [:]
  private var stopping = false

  init(engine: Engine, multi: UnsafeMutableRawPointer, configuration: TransferConfiguration) {
    self.engine = engine
    self.multi = multi
    self.configuration = configuration
  }

  func run() {
    ignoreBrokenPipes()
    while true {
      for command in engine.receive() { obey(command) }
      if stopping { return end() }
      var running: Int32 = 0
      curl_multi_perform(multi, &running)
      finishDone()
      finishStalled()
      curl_multi_poll(multi, nil, 0, Int32(milliseconds(untilNextLook())), nil)
    }
  }

  /// OpenSSL may write to a closed connection; the signal goes to the writing thread.
  private func ignoreBrokenPipes() {
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGPIPE)
    pthread_sigmask(SIG_BLOCK, &signals, nil)
  }

  private func obey(_ command: Engine.Command) {
    switch command {
    case .start(let operation): start(operation)
    case .cancel(let operation): finish(operation, .cancelled)
    case .resume(let operation): resume(operation)
    case .stop: stopping = true
    }
  }

  private func start(_ operation: Operation) {
    if operation.isCancelled || stopping { return operation.finish(.cancelled) }
    if let problem = operation.prepare(configuration) { return operation.finish(problem) }
    guard let easy = operation.easy else { return }
    let code = curl_multi_add_handle(multi, easy)
    guard code == CURLM_OK else {
      let text = String(cString: curl_multi_strerror(code))
      return operation.finish(.other(code: Int(code.rawValue), message: text))
    }
    active[easy] = operation
  }

  private func resume(_ operation: Operation) {
    guard let easy = operation.easy, operation.paused else { return }
    operation.paused = false
    operation.lastActivity = .now
    let code = curl_easy_pause(easy, CURLPAUSE_CONT)
    if code != CURLE_OK { finish(operation, operation.kind(of: code)) }
  }

  /// Ends an operation that is running; one that is over stays as it is.
  private func finish(_ operation: Operation, _ reason: TransferError.Kind?) {
    guard let easy = operation.easy, active.removeValue(forKey: easy) != nil else { return }
    curl_multi_remove_handle(multi, easy)
    operation.finish(reason)
  }

  private func finishDone() {
    var left: Int32 = 0
    while let message = curl_multi_info_read(multi, &left) {
      guard message.pointee.msg == CURLMSG_DONE, let easy = fcm_msg_easy(message),
        let operation = active[easy]
      else { continue }
      finish(operation, operation.kind(of: fcm_msg_result(message)))
    }
  }

  private func finishStalled() {
    let now = ContinuousClock.now
    for operation in active.values {
      guard let deadline = operation.stallDeadline, deadline <= now else { continue }
      let limit = operation.request.stallTimeout ?? .zero
      finish(operation, .timedOut(message: "no byte moved for \(limit)"))
    }
  }

  /// How long to wait for a socket at most.
  private func untilNextLook() -> Duration {
    // Requests that share a connection: libcurl 7.88 reads the answers of some while it works for another one,
    // and does not always go on with them before something else happens (seen with answers without a body).
    // A look costs some microseconds.
    if active.values.contains(where: \.mayShareConnection) {
      return configuration.prefersMultiplexing ? .milliseconds(5) : .milliseconds(50)
    }
    let now = ContinuousClock.now
    let first = active.values.lazy.compactMap(\.stallDeadline).min()
    return min(first.map { now.duration(to: $0) } ?? .seconds(60), .seconds(60))
  }

  private func end() {
    engine.close()
    for command in engine.receive() { obey(command) }
    for operation in active.values { finish(operation, .cancelled) }
    curl_multi_cleanup(multi)
  }
}
