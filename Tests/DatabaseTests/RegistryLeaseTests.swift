import Database
import FarmModel
import Postgres
import Testing

@Suite("The registry sync's lease")
struct RegistryLeaseTests {
  private static let first = RegistryLeaseRequest(holder: "first")
  private static let second = RegistryLeaseRequest(holder: "second")

  private func fence(_ answer: RegistryLeaseAnswer) -> Int64? {
    guard case .granted(let grant) = answer else { return nil }
    return grant.fence
  }

  private func runOut(_ farm: Farm) async throws {
    try await farm.database.pool.query(
      "UPDATE registry_lease SET expires_at = clock_timestamp() - interval '1 ms'")
  }

  @Test("one sync has it, renews it and gives it back; the next one gets the next fence")
  func turns() async throws {
    try await Farm.with { farm in
      let database = farm.database
      #expect(fence(try await database.leaseRegistry(Self.first)) == 1)
      guard case .held(let refusal) = try await database.leaseRegistry(Self.second) else {
        Issue.record("two have the lease")
        return
      }
      #expect(refusal.holder == "first" && (0.1...30).contains(refusal.seconds))
      // The same name is not the same process.
      #expect(fence(try await database.leaseRegistry(Self.first)) == nil)
      let renewal = RegistryLeaseRequest(holder: "first", fence: 1)
      #expect(fence(try await database.leaseRegistry(renewal)) == 1)
      // Somebody else's name or fence gives nothing back.
      try await database.releaseRegistry(RegistryLeaseRequest(holder: "second", fence: 1))
      try await database.releaseRegistry(RegistryLeaseRequest(holder: "first", fence: 2))
      #expect(fence(try await database.leaseRegistry(Self.second)) == nil)
      try await database.releaseRegistry(renewal)
      #expect(fence(try await database.leaseRegistry(Self.second)) == 2)
    }
  }

  @Test("who lets it run out keeps it until another one has taken it")
  func expiry() async throws {
    try await Farm.with { farm in
      let database = farm.database
      _ = try await database.leaseRegistry(Self.first)
      let renewal = RegistryLeaseRequest(holder: "first", fence: 1)
      try await runOut(farm)
      #expect(fence(try await database.leaseRegistry(renewal)) == 1)
      try await runOut(farm)
      #expect(fence(try await database.leaseRegistry(Self.second)) == 2)
      #expect(fence(try await database.leaseRegistry(renewal)) == nil)
      // It comes back as a new one.
      try await runOut(farm)
      #expect(fence(try await database.leaseRegistry(renewal)) == 3)
    }
  }

  @Test("a body with a stale fence changes nothing, one without is taken")
  func staleFence() async throws {
    try await Farm.with { farm in
      let database = farm.database
      _ = try await database.leaseRegistry(Self.first)
      _ = try await database.ingest([Farm.registry, Farm.version("one")], fence: 1)
      try await runOut(farm)
      _ = try await database.leaseRegistry(Self.second)
      for fence in [1, 3] as [Int64] {
        await #expect(throws: RegistryError.staleFence(fence)) {
          try await database.ingest([Farm.registry, Farm.version("two")], fence: fence)
        }
      }
      #expect(try await database.crate(named: "two") == nil)
      _ = try await database.ingest([Farm.registry, Farm.version("two")], fence: 2)
      _ = try await database.ingest([Farm.registry, Farm.version("three")])
      #expect(try await database.crate(named: "three") != nil)
    }
  }

  @Test("who has it gets it under a newer fence, once however often it asks, and nobody else does")
  func raise() async throws {
    try await Farm.with { farm in
      let database = farm.database
      _ = try await database.leaseRegistry(Self.first)
      let known = RegistryLeaseRequest(holder: "first", fence: 1)
      try await runOut(farm)
      for _ in 0..<2 {
        let answer = try await database.raiseRegistryFence(known)
        #expect(fence(answer) == 2)
      }
      // It lasts again, and the older fence is worth nothing.
      #expect(fence(try await database.leaseRegistry(Self.second)) == nil)
      #expect(fence(try await database.leaseRegistry(known)) == nil)
      await #expect(throws: RegistryError.staleFence(1)) {
        try await database.ingest([Farm.registry, Farm.version("one")], fence: 1)
      }
      _ = try await database.ingest([Farm.registry, Farm.version("one")], fence: 2)
      let newer = RegistryLeaseRequest(holder: "first", fence: 2)
      #expect(fence(try await database.raiseRegistryFence(newer)) == 3)
      // A request that comes late changes nothing; nor does somebody else's.
      for stranger in [known, RegistryLeaseRequest(holder: "second", fence: 3)] {
        #expect(fence(try await database.raiseRegistryFence(stranger)) == nil)
      }
      let newest = RegistryLeaseRequest(holder: "first", fence: 3)
      #expect(fence(try await database.leaseRegistry(newest)) == 3)
      // What nobody has is taken anew.
      try await database.releaseRegistry(newest)
      #expect(fence(try await database.raiseRegistryFence(newest)) == 4)
    }
  }

  @Test("a newer fence is given while a body is kept, and the next body waits for that one")
  func raiseBesideBody() async throws {
    try await Farm.with { farm in
      let database = farm.database
      _ = try await database.leaseRegistry(Self.first)
      let known = RegistryLeaseRequest(holder: "first", fence: 1)
      let other = try await PostgresConnection(connecting: database.pool.address)
      try await other.query("BEGIN")
      // What keeping a body begins with.
      try await other.query("SELECT pg_advisory_xact_lock(hashtext('builds.rs registry'))")
      #expect(fence(try await database.raiseRegistryFence(known)) == 2)
      async let next = database.ingest([Farm.registry, Farm.version("two")], fence: 2)
      try await untilSomebodyWaits(for: other)
      try await other.query("COMMIT")
      await other.close()
      #expect(try await next.added == 1)
      await #expect(throws: RegistryError.staleFence(1)) {
        try await database.ingest([Farm.registry, Farm.version("one")], fence: 1)
      }
    }
  }

  @Test("many that ask at once: one gets it")
  func race() async throws {
    try await Farm.with { farm in
      let granted = try await withThrowingTaskGroup(of: Int64?.self) { group in
        for number in 0..<12 {
          group.addTask {
            fence(
              try await farm.database.leaseRegistry(RegistryLeaseRequest(holder: "sync \(number)")))
          }
        }
        return try await group.reduce(into: [Int64]()) { if let fence = $1 { $0.append(fence) } }
      }
      #expect(granted == [1])
    }
  }
}
