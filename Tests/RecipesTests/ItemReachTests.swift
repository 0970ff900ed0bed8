import FarmModel
import Testing

@testable import Recipes

@Suite("Items of a recipe that hold for no version")
struct ItemReachTests {
  @Test(
    "an interval accepts the releases that its requirement accepts",
    arguments: [
      "*", "1", "1.2", "1.2.3", "0", "0.0", "0.0.0", "0.0.2", "0.2", "0.2.1", "^1.2", "^0.2.3",
      "~1",
      "~1.2", "~1.2.3", "~0", "~0.0.1", "=1", "=1.2", "=1.2.3", ">1", ">1.2", ">1.2.3", ">=1",
      ">=1.2.3", "<1", "<1.2", "<1.2.3", "<=1", "<=1.2", "<=1.2.3", "1.*", "1.2.*", "1.x.x",
      ">=1, <2", ">=0.2, <1.2.3", ">1.2, <=2", ">=2, <1", " >= 1 , < 2 ", "^1, ~1.2",
      ">1.2.2, <1.2.3",
    ])
  func interval(_ text: String) throws {
    let requirement = try #require(VersionRequirement(text))
    let interval = try #require(VersionInterval(requirement))
    var accepted = 0
    for major in UInt64(0)...3 {
      for minor in UInt64(0)...4 {
        for patch in UInt64(0)...4 {
          let release = VersionInterval.Release(major: major, minor: minor, patch: patch)
          let isWithin = release >= interval.lowest && interval.end.map { release < $0 } ?? true
          let isAccepted = requirement.accepts(Semver(major, minor, patch))
          #expect(isWithin == isAccepted, "\(major).\(minor).\(patch)")
          accepted += isAccepted ? 1 : 0
        }
      }
    }
    #expect(interval.isEmpty == (accepted == 0))
  }

  @Test(
    "nothing is said of requirements that are not simple",
    arguments: [
      ">=1.0.0-rc.1", "1.2.3+b", ">=1.*", ">18446744073709551615", "=0.18446744073709551615",
    ])
  func unknown(_ text: String) {
    #expect(VersionRequirement(text).flatMap { VersionInterval($0) } == nil)
  }

  /// The warnings of a recipe with items of these requirements; an empty text: none.
  private func warnings(_ requirements: String...) -> [String] {
    let items = requirements.map { $0.isEmpty ? "  - {}\n" : "  - when: \"\($0)\"\n" }
    return recipeProblems("crate: c\nversions:\n" + items.joined())
      .map { $0.replacing("recipes/c.yaml:", with: "") }
  }

  @Test("what fits no version, and what an earlier item leaves nothing to, is told")
  func dead() {
    #expect(warnings(">=2, <1") == ["3:11: warning: “when” accepts no version"])
    #expect(
      warnings(">=1", ">=2") == [
        "4:5: warning: this item is never used: the one in line 3 holds for all of its versions"
      ])
    #expect(
      warnings("*", ">=2", "") == [
        "4:5: warning: this item is never used: the one before holds for all versions",
        "5:5: warning: this item is never used: the one before holds for all versions",
      ])
    #expect(
      warnings("1", "<1", "~1.2", "^1.2.3", "=0.5") == [
        "5:5: warning: this item is never used: the one in line 3 holds for all of its versions",
        "6:5: warning: this item is never used: the one in line 3 holds for all of its versions",
        "7:5: warning: this item is never used: the one in line 4 holds for all of its versions",
      ])
  }

  @Test("what may still be used is not told")
  func alive() {
    #expect(warnings(">=2", ">=1", "") == [])
    #expect(warnings("1", "2", "<1", ">=3") == [])
    #expect(warnings(">=1.0.0-rc.1", ">=2") == [])
    #expect(warnings("<1", ">=1", "0.5.0-rc.1") == [])
    #expect(warnings(">=2, <1", ">=2") == ["3:11: warning: “when” accepts no version"])
  }

  @Test("of a requirement that cannot be read nothing more is said")
  func broken() {
    #expect(
      warnings("newest", ">=2") == [
        "3:11: “when” cannot be “newest”: expected a version requirement such as >=13"
      ])
  }
}
