import FarmModel
import Testing

@Suite("Semantic versions and requirements")
struct VersionTests {
  @Test("precedence follows section 11 of the specification")
  func precedence() throws {
    let ordered = [
      "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2",
      "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.2.0", "2.0.0",
    ]
    let versions = try ordered.map { try #require(Semver($0)) }
    #expect(versions.shuffled().sorted() == versions)
  }

  @Test(
    "what is no version is refused",
    arguments: [
      "", "1", "1.2", "1.2.3.4", "01.2.3", "1.2.3-", "1.2.3-01", "1.2.3+", "a.b.c", "1.2.3-é",
      " 1.2.3",
      "1.2.99999999999999999999",
    ])
  func refused(text: String) { #expect(Semver(text) == nil) }

  @Test("a version is printed as it was read")
  func roundTrip() {
    #expect(Semver("1.2.3-rc.1+git.5")?.description == "1.2.3-rc.1+git.5")
  }

  @Test("latest is the highest release, else the highest pre-release")
  func latest() throws {
    let versions = ["1.0.0", "2.0.0-rc.1", "1.5.0"].compactMap { Semver($0) }
    #expect(versions.latest == Semver("1.5.0"))
    #expect(["1.0.0-a", "1.0.0-b"].compactMap { Semver($0) }.latest == Semver("1.0.0-b"))
    #expect([Semver]().latest == nil)
  }

  @Test("the bytes of keys are in the order that latest is the end of")
  func latestKey() throws {
    let texts = [
      "1.0.0-0", "1.0.0-2", "1.0.0-11", "1.0.0--", "1.0.0-2a", "1.0.0-a", "1.0.0-a+b",
      "1.0.0-a.1", "1.0.0-a.1+1", "1.0.0-a-b", "1.0.0-ab", "1.0.0-b", "1.0.0-18446744073709551616",
      "2.0.0-a", "0.0.1", "0.0.9", "0.0.10", "0.1.0", "1.0.0", "1.0.0+a", "1.0.0+a.b", "1.0.1",
      "9.0.0", "10.0.0", "99.9.9", "100.0.0", "18446744073709551615.0.0",
    ]
    let versions = try texts.map { try #require(Semver($0)) }
    let byRule = versions.sorted {
      $0.isPrerelease == $1.isPrerelease ? $0 < $1 : $0.isPrerelease
    }
    let byKey = versions.shuffled().sorted {
      $0.latestKey.utf8.lexicographicallyPrecedes($1.latestKey.utf8)
    }
    #expect(byKey == byRule)
    #expect(byKey.last == versions.latest)
    #expect(Set(versions.map(\.latestKey)).count == versions.count)
  }

  @Test(
    "requirements accept what Cargo accepts",
    arguments: [
      ("^1.2.3", "1.9.0", true), ("^1.2.3", "2.0.0", false), ("1.2.3", "1.2.2", false),
      ("^0.2.3", "0.2.9", true), ("^0.2.3", "0.3.0", false), ("^0.0.3", "0.0.4", false),
      ("^0", "0.9.0", true), ("~1.2.3", "1.2.9", true), ("~1.2.3", "1.3.0", false),
      ("~1", "1.9.0", true), ("1.*", "1.9.0", true), ("1.2.*", "1.3.0", false),
      ("*", "9.0.0", true),
      ("=1.2.3", "1.2.3", true), ("=1.2.3", "1.2.4", false), ("=1.2", "1.2.9", true),
      (">1.2", "1.2.9", false), (">1.2", "1.3.0", true), (">=13", "13.0.0", true),
      ("<2", "1.9.9", true), ("<=1.2", "1.2.9", true), (">=1, <1.5", "1.5.0", false),
      (">=1.0.0", "2.0.0-rc.1", false), (">=2.0.0-rc.0", "2.0.0-rc.1", true),
    ])
  func requirement(text: String, version: String, accepted: Bool) throws {
    let requirement = try #require(VersionRequirement(text))
    #expect(requirement.accepts(try #require(Semver(version))) == accepted)
  }

  @Test(
    "what is no requirement is refused", arguments: ["", ">", "1.2.3.4", "a", "^1,,2", "1.2-rc"])
  func badRequirement(text: String) { #expect(VersionRequirement(text) == nil) }

  @Test("requirements take the versions that Cargo takes", arguments: CargoRequirements.answers)
  func asCargo(requirement text: String, accepted: [String]?) throws {
    guard let requirement = VersionRequirement(text) else {
      #expect(accepted == nil, "Cargo takes it")
      return
    }
    let taken = try CargoRequirements.versions.filter {
      requirement.accepts(try #require(Semver($0)))
    }
    #expect(taken == accepted)
  }
}
