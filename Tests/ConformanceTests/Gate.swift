/// Lets a few builds in at once, in the order of their coming: the machine has few cores, and times
/// are measured.
actor Gate {
  /// All builds of this suite.
  static let builds = Gate(places: 2)

  private var free: Int
  private var waiting: [(places: Int, continuation: CheckedContinuation<Void, Never>)] = []

  init(places: Int) { free = places }

  /// Runs a body that takes up some places.
  nonisolated func with<Value: Sendable>(
    places: Int = 1, _ body: @Sendable () async throws -> Value
  ) async throws -> Value {
    await enter(places)
    do {
      let value = try await body()
      await leave(places)
      return value
    } catch {
      await leave(places)
      throw error
    }
  }

  private func enter(_ places: Int) async {
    if waiting.isEmpty, free >= places {
      free -= places
      return
    }
    await withCheckedContinuation { waiting.append((places, $0)) }
  }

  private func leave(_ places: Int) {
    free += places
    while let next = waiting.first, free >= next.places {
      free -= next.places
      waiting.removeFirst().continuation.resume()
    }
  }
}
