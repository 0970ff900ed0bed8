import CrateRegistry
import FarmModel
import Recipes

/// The input is a `Cargo.toml`.
func checkManifest(_ input: [UInt8]) throws(FuzzFinding) -> FuzzOutcome {
  let manifest: Manifest
  do throws(ManifestError) {
    manifest = try Manifest(toml: input)
  } catch {
    try expect(!error.description.isEmpty, "refused without a reason")
    if case .malformed(let line, let column, _) = error {
      let lines = input.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).count
      try expect(
        (1...lines + 1).contains(line) && column > 0,
        "line \(line), column \(column) is not in the file of \(lines) lines")
    }
    return .refused
  }
  try expect((try? Manifest(toml: input)) == manifest, "read differently again")
  let binaries = manifest.binaryTargets(files: ["src/main.rs", "src/bin/a.rs", "src/bin/b/main.rs"])
  try expect(
    Set(binaries.map(\.name)).count == binaries.count, "two binaries have one name")
  try checkAuthor(manifest, binaries: binaries.map(\.name))
  return .accepted
}

/// What a crate's author says about its builds is bounded, names nothing that is not there, and never keeps
/// a plan from being made.
private func checkAuthor(_ manifest: Manifest, binaries: [String]) throws(FuzzFinding) {
  func read() -> AuthorMetadata? {
    AuthorMetadata(
      buildsrs: manifest.buildsrsMetadata, binstall: manifest.binstallMetadata,
      knownBinaries: binaries)
  }
  let author = read()
  try expect(author == read(), "the author's words are read differently again")
  guard let author else { return }
  try expect(
    Set(author.binaries ?? []).isSubset(of: binaries), "the author's binaries are not the package's"
  )
  try expect(
    [author.features, author.binaries, author.targets].allSatisfy { ($0?.count ?? 0) <= 100 },
    "a list of the author's has no end")
  let told = author.warnings + [author.optOut ?? ""]
  try expect(
    author.warnings.count <= 20 && told.allSatisfy { $0.utf8.count < 2000 },
    "what is told of the author's words has no end")
  try checkPlan(by: author)
}

private func checkPlan(by author: AuthorMetadata) throws(FuzzFinding) {
  guard let set = try? RecipeSet(files: [soundTarget]), let target = set.targets.first?.triple,
    let crate = CrateName("c"), let version = Semver("1.0.0")
  else { throw FuzzFinding("the sound target is not") }
  let facts = VersionFacts(
    crate: crate, version: version, checksum: String(repeating: "ab", count: 32), metadata: author)
  let decision = set.plan(for: facts, target: target)
  let explanation = set.explain(facts, target: target)
  try expect(
    (decision.plan == nil) == (explanation?.skip != nil), "a plan and its explanation differ")
  try expect(
    author.optOut == nil || decision.plan == nil, "what its author wants not built has a plan")
}
