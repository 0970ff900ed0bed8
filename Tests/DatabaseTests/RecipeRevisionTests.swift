import Database
import FarmModel
import Postgres
import Testing

@Suite("Revisions of the recipes")
struct RecipeRevisionTests {
  private func install(
    _ farm: Farm, _ digit: String, expecting: RecipeExpectation = .any
  ) async throws -> RecipeInstallation {
    try await farm.database.installRecipes(
      digest: String(repeating: digit, count: 64),
      files: ["recipes/a.yaml": "crate: \(digit) “ü”\n"],
      note: "a note", expecting: expecting)
  }

  @Test("numbers only grow, also for a content that was in force before")
  func grow() async throws {
    try await Farm.with { farm in
      #expect(try await farm.database.recipeStanding() == nil)
      let first = try await install(farm, "a", expecting: .nothing)
      #expect(first.isNew && first.previous == nil)
      let again = try await install(farm, "a")
      #expect(!again.isNew && again.revision == first.revision)
      let second = try await install(farm, "b", expecting: .revision(first.revision))
      let back = try await install(farm, "a")
      #expect(back.isNew && back.revision > second.revision && second.revision > first.revision)
      await #expect(throws: RecipesChanged(active: back.revision)) {
        _ = try await install(farm, "c", expecting: .nothing)
      }
      let active = try #require(try await farm.database.activeRecipes())
      #expect(active.id == back.revision && active.note == "a note")
      #expect(active.files == ["recipes/a.yaml": "crate: a “ü”\n"])
    }
  }

  @Test("several that install at once leave one after the other")
  func race() async throws {
    try await Farm.with { farm in
      let digits = ["1", "2", "3", "4", "5", "6", "7", "8"]
      let installed = try await withThrowingTaskGroup(of: RecipeInstallation.self) { group in
        for digit in digits { group.addTask { try await install(farm, digit) } }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      let sorted = installed.sorted { $0.revision < $1.revision }
      #expect(sorted.allSatisfy { $0.isNew })
      #expect(sorted.dropFirst().map(\.previous) == sorted.dropLast().map { Optional($0.revision) })
      #expect(try await farm.database.recipeStanding()?.active == sorted.last?.revision)
    }
  }

  @Test("planning that did not come to its end is not built upon")
  func planning() async throws {
    try await Farm.with { farm in
      let first = try await install(farm, "a").revision
      #expect(try await farm.database.recipeStanding()?.planned == nil)
      try await farm.database.recipesPlanned(first)
      #expect(try await farm.database.recipeStanding()?.isPlanned == true)
      let second = try await install(farm, "b").revision
      try await farm.database.recipesPlanned(second, through: 7)
      try await farm.database.recipesPlanned(second, through: 5)
      let standing = try await farm.database.recipeStanding()
      #expect(standing == RecipeStanding(active: second, planned: first, plannedThrough: 7))
      // Some jobs follow the first and some the second now.
      let third = try await install(farm, "c").revision
      #expect(
        try await farm.database.recipeStanding()
          == RecipeStanding(active: third, planned: nil, plannedThrough: 0))
      try await farm.database.recipesPlanned(second)
      #expect(
        try await farm.database.recipeStanding()?.planned == nil, "a late word counts nothing")
    }
  }

  @Test("one plans at a time, and the next one may when it has ended")
  func lock() async throws {
    try await Farm.with { farm in
      let inner = try await farm.database.withPlannerLock {
        try await farm.database.withPlannerLock { true }
      }
      #expect(inner == .some(nil))
      #expect(try await farm.database.withPlannerLock { true } == true)
    }
  }

  @Test("an unyank brings back what the yank cancelled, not what recipes have dropped")
  func unyank() async throws {
    try await Farm.with { farm in
      let revision = try await install(farm, "a").revision
      let version = try await farm.addJob("tool")
      let job = try #require(try await farm.database.plannedJobs(ofVersions: [version]).first)
      var edits = JobEdits()
      edits.dropped = [job.id]
      try await farm.database.edit(edits, revision: revision)
      #expect(try await farm.database.plannedJobs(ofVersions: [version]).first?.isDropped == true)
      _ = try await farm.database.ingest([Farm.registry, Farm.version("tool", yanked: true)])
      _ = try await farm.database.ingest([Farm.registry, Farm.version("tool")])
      #expect(try await farm.database.job(job.id)?.state == .cancelled)
      _ = try await farm.database.retry(job: job.id)
      #expect(try await farm.database.job(job.id)?.state == .pending)
    }
  }
}
