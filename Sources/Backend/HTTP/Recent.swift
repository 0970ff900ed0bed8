import Synchronization

/// Something that is dear to read and may be a little old: read by one for all who ask meanwhile, and kept
/// for twenty times as long as the reading took. So it costs at most a twentieth of a connection, however
/// many ask, and on a small farm it is new.
final class Recent<Value: Sendable>: Sendable {
  private struct Kept: Sendable {
    var value: Value
    var until: ContinuousClock.Instant
  }

  private let kept: Keeper
  private let batcher: Batcher<Void, Value>

  init(_ read: @escaping @Sendable () async throws -> Value) {
    let keeper = Keeper()
    kept = keeper
    let share: @Sendable (Void, Void) -> Bool = { _, _ in true }
    batcher = Batcher(largest: .max, canShare: share) { askers in
      let start = ContinuousClock.now
      let value: Value
      if let known = keeper.value(at: start) {
        value = known
      } else {
        value = try await read()
        let end = ContinuousClock.now
        keeper.keep(value, until: end + (end - start) * 20)
      }
      return Array(repeating: value, count: askers.count)
    }
  }

  func value() async throws -> Value {
    if let known = kept.value(at: .now) { return known }
    return try await batcher.run(())
  }

  private final class Keeper: Sendable {
    private let state = Mutex<Kept?>(nil)

    func value(at now: ContinuousClock.Instant) -> Value? {
      state.withLock { $0.flatMap { $0.until > now ? $0.value : nil } }
    }

    func keep(_ value: Value, until: ContinuousClock.Instant) {
      state.withLock { $0 = Kept(value: value, until: until) }
    }
  }
}
