import CrateRegistry
import FarmModel
import SyntheticIndex
import Testing

@Suite("The index that benchmarks and tests are made with")
struct SyntheticIndexTests {
  private let index = SyntheticIndex(seed: 3, crates: 3000, versions: 30_000)

  @Test("has the sizes that are asked for, and the same content for the same seed")
  func sizes() {
    #expect(index.crates == 3000)
    #expect(abs(index.versions - 30_000) <= 1)
    let same = SyntheticIndex(seed: 3, crates: 3000, versions: 30_000)
    let other = SyntheticIndex(seed: 4, crates: 3000, versions: 30_000)
    #expect(index.file(of: 17) == same.file(of: 17))
    #expect(index.file(of: 17) != other.file(of: 17))
  }

  @Test("has crates whose files can be read, in places where they belong")
  func files() throws {
    var names: Set<String> = []
    for crate in stride(from: 0, to: index.crates, by: 7) {
      let name = try #require(CrateName(index.name(of: crate)))
      #expect(names.insert(name.normalized).inserted)
      #expect(index.path(of: crate) == indexPath(for: name))
      let (entries, problems) = parseIndexFile(index.file(of: crate), of: name)
      #expect(problems.isEmpty)
      #expect(!entries.isEmpty && Set(entries.map(\.version)).count == entries.count)
      #expect(entries.allSatisfy { $0.publishedAt != nil })
    }
  }

  @Test("has many small crates and few large ones")
  func shape() {
    let counts = (0..<index.crates).map { crate in index.file(of: crate).count { $0 == 10 } }
      .sorted()
    #expect((3...6).contains(counts[counts.count / 2]))
    #expect(counts.last.map { $0 > 100 } == true)
  }

  @Test("a change adds a version and keeps the others' lines")
  func changes() {
    let before = index.file(of: 5).split(separator: 10)
    let after = index.file(of: 5, changes: 2).split(separator: 10)
    #expect(after.count == before.count + 2)
    #expect(Array(after.prefix(before.count)) == before)
  }
}
