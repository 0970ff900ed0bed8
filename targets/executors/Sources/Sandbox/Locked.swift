import Foundation

/// A value behind a lock.
///
/// `@unchecked Sendable`: `value` is touched only between lock and unlock.
final class Locked<Value>: @unchecked Sendable {
  private var value: Value
  private let lock = NSLock()

  init(_ value: consuming sending Value) { self.value = value }

  /// Runs `body` with the value, alone. It must not block, nor come back to this lock.
  func withLock<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
    lock.lock()
    defer { lock.unlock() }
    return try body(&value)
  }
}
