import Foundation

/// Writes events as JSON lines, on a thread of its own, since a builder may be slow to read.
///
/// The queue needs no bound of its own: a build's log has one.
///
/// `@unchecked Sendable`: `waiting`, `written`, `sent` and `flushers` are touched only with
/// `condition` locked.
final class HostOutput: @unchecked Sendable {
  private let descriptor: Int32
  private let condition = NSCondition()
  private var waiting: [Data] = []
  private var sent = 0
  private var written = 0
  private var flushers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []

  init(descriptor: Int32) {
    self.descriptor = descriptor
    Thread { self.writeForever() }.start()
  }

  func send(_ event: HostEvent) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Only a number that is not finite could fail here; such an event is not worth a crash.
    guard var line = try? encoder.encode(event) else { return }
    line.append(UInt8(ascii: "\n"))
    condition.withLock {
      waiting.append(line)
      sent += 1
      condition.signal()
    }
  }

  func flush() async {
    await withCheckedContinuation { continuation in
      let isDone = condition.withLock {
        if written == sent { return true }
        flushers.append((sent, continuation))
        return false
      }
      if isDone { continuation.resume() }
    }
  }

  private func writeForever() {
    while true {
      let lines = condition.withLock {
        while waiting.isEmpty { condition.wait() }
        defer { waiting = [] }
        return waiting
      }
      // A builder that is gone reads nothing; the watcher of standard input notices that.
      for line in lines { writeAll(line) }
      let ready = condition.withLock {
        written += lines.count
        defer { flushers.removeAll { $0.count <= written } }
        return flushers.filter { $0.count <= written }
      }
      for flusher in ready { flusher.continuation.resume() }
    }
  }

  private func writeAll(_ data: Data) {
    data.withUnsafeBytes { bytes in
      var rest = bytes[...]
      while !rest.isEmpty {
        let piece = UnsafeRawBufferPointer(rebasing: rest)
        let count = write(descriptor, piece.baseAddress, piece.count)
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { return }
        rest = rest.dropFirst(count)
      }
    }
  }
}
