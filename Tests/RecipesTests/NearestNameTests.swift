import Testing

@testable import Recipes

@Suite("Nearest names")
struct NearestNameTests {
  @Test(
    "the distance counts changes, additions, omissions and swaps",
    arguments: [
      ("tier", "tier", 0), ("tirer", "tier", 1), ("teir", "tier", 1), ("tie", "tier", 1),
      ("tear", "tier", 2), ("", "tier", 4), ("tier", "", 4), ("abcd", "badc", 2),
    ])
  func distance(_ left: String, _ right: String, _ expected: Int) {
    #expect(NearestName.distance(Array(left), Array(right)) == expected)
  }

  @Test("a name that is far from all has no nearest one")
  func far() {
    let known = ["tier", "linker", "executor"]
    #expect(NearestName.of("lniker", in: known) == "linker")
    #expect(NearestName.of("EXECUTOR", in: known) == "executor")
    #expect(NearestName.of("glibc", in: known) == nil)
    #expect(NearestName.of(String(repeating: "x", count: 100_000), in: known) == nil)
  }
}
