import ExecutorKit
import Foundation

/// A pipe whose ends no program inherits, unless it is started between two lines of ``init()``: an
/// executor host starts one after the other.
///
/// `@unchecked Sendable`: the descriptors are closed by one owner, when nobody writes any more.
final class Pipe: @unchecked Sendable {
  let reading: Int32
  private(set) var writing: Int32

  /// - Parameter forOwnWrites: what does not fit fails, and does not wait. Not for the ends that
  ///   programs get: they would share it.
  /// - Throws: ``ExecutorFailure`` of class `infrastructure`.
  init(forOwnWrites: Bool = false) throws(ExecutorFailure) {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else {
      throw ExecutorFailure(.infrastructure, "no pipe: \(String(cString: strerror(errno)))")
    }
    (reading, writing) = (ends[0], ends[1])
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    if forOwnWrites { _ = fcntl(writing, F_SETFL, O_NONBLOCK) }
  }

  deinit {
    close(reading)
    closeWriting()
  }

  @discardableResult
  func write(_ bytes: [UInt8]) -> Bool {
    bytes.isEmpty || Foundation.write(writing, bytes, bytes.count) == bytes.count
  }

  func closeWriting() {
    if writing >= 0 { close(writing) }
    writing = -1
  }
}

/// Collects the first of what a short program prints.
final class Lines: @unchecked Sendable {
  // @unchecked: `bytes` is touched only with `lock` held.
  private let lock = NSLock()
  private var bytes: [UInt8] = []

  func add(_ more: [UInt8]) { lock.withLock { if bytes.count < 1 << 16 { bytes += more } } }

  var text: String {
    lock.withLock { String(decoding: bytes, as: UTF8.self) }
      .trimmingCharacters(in: .newlines)
  }
}
