import Synchronization

/// Which builders are at this backend, by their newest session here.
final class SessionBook: Sendable {
  private struct Entry {
    var session: Int64
    var tell: @Sendable () -> Void
  }

  private let entries = Mutex<[Int64: Entry]>([:])

  /// A builder has been let in. An older connection of its own is told to look whether it is still wanted;
  /// where a newer one is here already, this one is.
  func enter(_ builder: Int64, _ session: Int64, tell: @escaping @Sendable () -> Void) {
    let older = entries.withLock { entries -> (@Sendable () -> Void)? in
      guard let entry = entries[builder] else {
        entries[builder] = Entry(session: session, tell: tell)
        return nil
      }
      guard entry.session < session else { return tell }
      entries[builder] = Entry(session: session, tell: tell)
      return entry.tell
    }
    older?()
  }

  /// A connection has ended; nothing happens where the builder has come again since.
  func leave(_ builder: Int64, _ session: Int64) {
    entries.withLock { entries in
      if entries[builder]?.session == session { entries[builder] = nil }
    }
  }

  /// Something about any of them may have changed.
  func tellAll() { for entry in entries.withLock({ Array($0.values) }) { entry.tell() } }

  /// Something about a builder has changed.
  func tell(_ builder: Int64) { entries.withLock { $0[builder]?.tell }?() }
}
