import FarmModel

/// What became of one body: its crates in their order, but for those whose lines were refused.
struct Delivery<Mark: Sendable>: Sendable {
  var body: RecordBody<Mark>
  var receipt = RegistryReceipt.nothing
  /// Numbers of the parts of ``body`` that the backend has refused, and why.
  var refused: [(part: Int, error: SyncError)] = []
}

/// Sends bodies while the next are being made, some at once, and tells of them in their order.
struct BodyPump<Mark: Sendable>: Sendable {
  /// How many requests are on their way at most.
  let window: Int

  /// Goes on until there are no more bodies, or something fails; what was sent before a failure is
  /// still told.
  ///
  /// - Parameters:
  ///   - next: makes the next body; nil: there is no more.
  ///   - send: sends one.
  ///   - delivered: is told of every body, in the order in which they were made.
  func run(
    next: () async throws(SyncError) -> RecordBody<Mark>?,
    send: @escaping @Sendable (RecordBody<Mark>) async throws(SyncError) -> Delivery<Mark>,
    delivered: (Delivery<Mark>) async throws(SyncError) -> Void
  ) async throws(SyncError) {
    let failure: SyncError? = await withTaskGroup(of: (Int, Sending).self) { group in
      var order = Order()
      var made = 0
      var failure: SyncError?
      do throws(SyncError) {
        while let body = try await next() {
          if made - order.told.count >= window, let (number, sending) = await group.next() {
            try await order.take(number, sending, delivered)
          }
          let number = made
          group.addTask {
            (number, await Sending { () async throws(SyncError) in try await send(body) })
          }
          made += 1
        }
      } catch {
        failure = error
        group.cancelAll()
      }
      while let (number, sending) = await group.next() {
        do throws(SyncError) {
          try await order.take(number, sending, delivered)
        } catch {
          if failure == nil { failure = error }
          group.cancelAll()
        }
      }
      return failure
    }
    if let failure { throw failure }
  }

  private enum Sending: Sendable {
    case done(Delivery<Mark>)
    case failed(SyncError)

    init(_ send: () async throws(SyncError) -> Delivery<Mark>) async {
      do throws(SyncError) { self = .done(try await send()) } catch { self = .failed(error) }
    }
  }

  /// Holds back what has overtaken an earlier body.
  private struct Order {
    /// How many have ended, in any order.
    var told = (count: 0, next: 0)
    private var early: [Int: Delivery<Mark>] = [:]

    mutating func take(
      _ number: Int, _ sending: Sending,
      _ delivered: (Delivery<Mark>) async throws(SyncError) -> Void
    ) async throws(SyncError) {
      told.count += 1
      switch sending {
      case .failed(let error): throw error
      case .done(let delivery): early[number] = delivery
      }
      while let delivery = early.removeValue(forKey: told.next) {
        told.next += 1
        try await delivered(delivery)
      }
    }
  }
}
