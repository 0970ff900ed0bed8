import ExecutorKit
import FarmModel
import Recipes
import Testing

@Suite("What a crate's author says")
struct AuthorMetadataTests {
  private func read(_ json: String?, binstall: String? = nil) -> AuthorMetadata? {
    AuthorMetadata(buildsrs: json, binstall: binstall, knownBinaries: ["tool", "helper"])
  }

  @Test("features, binaries and targets are taken")
  func good() {
    #expect(
      read(
        #"{"features":["a","dep/b"],"default-features":false,"binaries":["tool"],"targets":["*-musl"]}"#
      )
        == AuthorMetadata(
          features: ["a", "dep/b"], usesDefaultFeatures: false, binaries: ["tool"],
          targets: ["*-musl"]))
    #expect(read(nil) == nil)
    #expect(read("{}") == nil, "an empty table says nothing")
  }

  @Test(
    "what is wrong is ignored and told, and keeps nothing from being built",
    arguments: [
      (#"{"feature":["a"]}"#, "unknown key “feature”: did you mean “features”?, ignored"),
      (#"{"features":"a"}"#, "“features” must be a list, ignored"),
      (#"{"features":["a b"]}"#, "“features”: “a b” is not a feature's name, ignored"),
      (#"{"features":[{"x":1}]}"#, "“features”: “an item” is not a feature's name, ignored"),
      (#"{"default-features":"yes"}"#, "“default-features” must be true or false, ignored"),
      (
        #"{"binaries":["toool"]}"#,
        "“binaries”: “toool” is not one of the package's binaries, ignored"
      ),
      (
        #"{"targets":["Linux"]}"#,
        "“targets”: “Linux” is not a target triple, or a pattern such as *-linux-musl, ignored"
      ),
      (#"{"opt-out":3}"#, "“opt-out” must be true, false or a reason, ignored"),
      ("[1]", "it cannot be read, or is larger than 16384 bytes, ignored"),
      ("{", "it cannot be read, or is larger than 16384 bytes, ignored"),
    ])
  func bad(_ json: String, _ warning: String) {
    let metadata = read(json)
    #expect(metadata?.warnings == ["[package.metadata.buildsrs]: " + warning])
    #expect(metadata?.optOut == nil && metadata?.targets == nil)
  }

  @Test("however much is wrong, what is told is bounded")
  func bounded() {
    let many = "{" + (1...500).map { #""k\#($0)":1"# }.joined(separator: ",") + "}"
    #expect(read(many)?.warnings.count == 20)
    let names = #"{"features":["# + (1...900).map { #""f\#($0)""# }.joined(separator: ",") + "]}"
    #expect(read(names)?.features?.count == 100)
  }

  @Test("an opt-out is taken, also from binstall's settings")
  func optOut() {
    #expect(read(#"{"opt-out":true}"#)?.optOut?.contains("author wants no binaries") == true)
    #expect(read(#"{"opt-out":"use my site"}"#)?.optOut?.hasSuffix("“use my site”") == true)
    #expect(read(#"{"opt-out":false}"#)?.optOut == nil)
    #expect(
      read(nil, binstall: #"{"disabled-strategies":["quick-install","compile"]}"#)?.optOut?
        .contains("quick-install") == true)
    #expect(read(nil, binstall: #"{"disabled-strategies":["compile"],"pkg-url":"x"}"#) == nil)
    #expect(read(nil, binstall: #"{"disabled-strategies":7}"#) == nil)
  }

  private func decision(_ metadata: AuthorMetadata, recipe: String = "", target: String? = nil)
    throws -> PlanDecision
  {
    let set = try OverlayTests.set(recipe: recipe, defaults: "features: [general]\n")
    var facts = try #require(VersionFacts.make("My-Crate", "1.0.0"))
    facts.metadata = metadata
    return set.plan(for: facts, target: try #require(TargetTriple(target ?? OverlayTests.gnu)))
  }

  @Test("it is stronger than the default recipe and weaker than the crate's own")
  func order() throws {
    let metadata = AuthorMetadata(features: ["author"], usesDefaultFeatures: false)
    #expect(try decision(AuthorMetadata()).plan?.inputs.features == ["general"])
    let plan = try decision(metadata).plan
    #expect(plan?.inputs.features == ["author"])
    #expect(plan?.inputs.usesDefaultFeatures == false)
    let own = try decision(metadata, recipe: "versions: [{ features: [own] }]\n").plan
    #expect(own?.inputs.features == ["own"])
    #expect(own?.inputs.usesDefaultFeatures == false, "the recipe says nothing about it")
    // What came by another way than the reader never reaches a command line.
    #expect(
      try decision(AuthorMetadata(features: ["--all", "ok"])).plan?.inputs.features == ["ok"])
  }

  @Test(
    "targets that the author does not want are skipped, unless the crate's recipe says otherwise")
  func targets() throws {
    let metadata = AuthorMetadata(targets: ["*-linux-musl"])
    #expect(
      try decision(metadata)
        == .skip("the crate's author wants builds for “*-linux-musl” only"))
    #expect(try decision(metadata, target: OverlayTests.musl).plan != nil)
    #expect(try decision(metadata, recipe: "versions: [{ skip: false }]\n").plan != nil)
  }

  @Test("no recipe overrules an opt-out")
  func optedOut() throws {
    let metadata = AuthorMetadata(optOut: "no")
    #expect(try decision(metadata, recipe: "versions: [{ skip: false }]\n") == .skip("no"))
  }

  @Test("values name the author as where they come from")
  func origin() throws {
    let set = try OverlayTests.set(recipe: "")
    var facts = try #require(VersionFacts.make("My-Crate", "1.0.0"))
    facts.metadata = AuthorMetadata(features: ["a"])
    let explanation = set.explain(facts, target: try #require(TargetTriple(OverlayTests.gnu)))
    #expect(
      explanation?.values.first { $0.key == "features" }?.origin
        == "Cargo.toml [package.metadata.buildsrs]")
  }
}

@Suite("What an edit can have changed")
struct RecipeScopeTests {
  private func set(_ files: [String: String]) throws -> RecipeSet {
    var all = files
    all[sampleTarget.path] =
      all[sampleTarget.path] ?? "triple: x86_64-unknown-linux-gnu\nexecutor: m\n"
    return try RecipeSet(
      files: all.sorted { $0.key < $1.key }.map { SourceText(path: $0.key, text: $0.value) })
  }

  @Test("a recipe's edit is about its crate, a target's about the target, the default's about all")
  func scopes() throws {
    let old = try set(["recipes/a-b.yaml": "crate: a-b\n"])
    let none = RecipeScope(from: old, to: old)
    #expect(!none.isAboutAllCrates && none.crates.isEmpty)
    let crate = RecipeScope(
      from: old, to: try set(["recipes/a-b.yaml": "crate: a-b\nversions: [{ skip: x }]\n"]))
    #expect(!crate.isAboutAllCrates && crate.crates == ["a_b"])
    #expect(crate.covers(crate: "a_b", target: "t-x") && !crate.covers(crate: "c", target: "t-x"))
    let target = RecipeScope(
      from: old, to: try set(["targets/t-x.yaml": "triple: t-x\nexecutor: m\n"]))
    #expect(target.targets == ["t-x"] && target.crates == ["a_b"] && target.isAboutAllCrates)
    let all = RecipeScope(from: old, to: try set(["recipes/_default.yaml": "features: [a]\n"]))
    #expect(all.isEverything && all.covers(crate: "c", target: "t-x"))
    #expect(RecipeScope(from: nil, to: old) == .everything)
  }
}
