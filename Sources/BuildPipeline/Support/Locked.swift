import Foundation

/// A value behind a lock. (`Synchronization.Mutex` makes ThreadSanitizer report false races.)
///
/// `@unchecked Sendable`: `value` is touched only between lock and unlock.
final class Locked<Value>: @unchecked Sendable {
  private var value: Value
  private let lock = NSLock()

  init(_ value: sending Value) { self.value = value }

  func withLock<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
    lock.lock()
    defer { lock.unlock() }
    return try body(&value)
  }
}
