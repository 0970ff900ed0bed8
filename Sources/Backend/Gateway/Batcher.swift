/// Work that is done together for all who ask for it while it is being done for others.
///
/// Whoever finds it idle does it at once, for itself; those who come meanwhile wait, and the first of them
/// does it for all of them. So an idle farm waits for nothing, and a busy one has fewer and larger
/// statements.
actor Batcher<Input: Sendable, Output: Sendable> {
  private struct Order {
    var input: Input
    var answer: CheckedContinuation<Role, Never>
  }

  private enum Role: Sendable {
    case served(Result<Output, any Error>)
    case leads
  }

  private let largest: Int
  private let canShare: @Sendable (Input, Input) -> Bool
  private let work: @Sendable ([Input]) async throws -> [Output]
  private var isBusy = false
  private var queue: [Order] = []

  /// - Parameters:
  ///   - largest: how many inputs at once.
  ///   - canShare: whether two inputs may be done together; asked of each pair.
  ///   - work: answers an output for each input, in their order.
  init(
    largest: Int, canShare: @escaping @Sendable (Input, Input) -> Bool,
    work: @escaping @Sendable ([Input]) async throws -> [Output]
  ) {
    self.largest = largest
    self.canShare = canShare
    self.work = work
  }

  /// Does the work for an input, perhaps together with that of others.
  func run(_ input: Input) async throws -> Output {
    if isBusy {
      let role = await withCheckedContinuation { queue.append(Order(input: input, answer: $0)) }
      if case .served(let result) = role { return try result.get() }
    }
    isBusy = true
    let others = takeOthers(like: input)
    defer { handOver() }
    do {
      let outputs = try await work([input] + others.map(\.input))
      for (order, output) in zip(others, outputs.dropFirst()) {
        order.answer.resume(returning: .served(.success(output)))
      }
      return outputs[0]
    } catch {
      for order in others { order.answer.resume(returning: .served(.failure(error))) }
      throw error
    }
  }

  private func takeOthers(like input: Input) -> [Order] {
    var taken: [Order] = []
    queue.removeAll { order in
      guard taken.count < largest - 1, canShare(order.input, input),
        taken.allSatisfy({ canShare($0.input, order.input) })
      else { return false }
      taken.append(order)
      return true
    }
    return taken
  }

  private func handOver() {
    guard !queue.isEmpty else {
      isBusy = false
      return
    }
    queue.removeFirst().answer.resume(returning: .leads)
  }
}
