import FarmModel
import Recipes

/// The input is one or several files of YAML: a line `=== PATH` begins a file. What stands before the
/// first such line is a recipe of ripgrep.
func checkRecipeFiles(_ input: [UInt8]) throws(FuzzFinding) -> FuzzOutcome {
  let files = recipeFiles(of: input)
  let set: RecipeSet
  do throws(RecipeErrors) {
    set = try RecipeSet(files: files)
  } catch {
    try expect(
      error.diagnostics.contains { $0.severity == .error }, "refused without any error")
    try checkDiagnostics(error.diagnostics, files)
    return .refused
  }
  try checkDiagnostics(set.warnings, files)
  let again = try? RecipeSet(files: set.files)
  try expect(again == set, "the set's own files make another set")
  try checkPlans(of: set)
  return .accepted
}

/// Where no target is given, a sound one is there, so that recipes are read to their end.
private func recipeFiles(of input: [UInt8]) -> [SourceText] {
  var files: [SourceText] = []
  var name = "recipes/ripgrep.yaml"
  for line in input.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
    if line.starts(with: "=== ".utf8) {
      name = fileName(String(decoding: line.dropFirst(4), as: UTF8.self))
    } else if let index = files.firstIndex(where: { $0.path == name }) {
      files[index].bytes += Array(line) + [UInt8(ascii: "\n")]
    } else {
      files.append(SourceText(path: name, bytes: Array(line) + [UInt8(ascii: "\n")]))
    }
  }
  if !files.contains(where: { $0.path.hasPrefix("targets/") }) { files.append(soundTarget) }
  return files
}

/// A name as a set's files have it: one folder, one file of YAML, each once.
private func fileName(_ path: String) -> String {
  let folder = path.hasPrefix("targets") ? "targets" : "recipes"
  let name = path.split(separator: "/").last.map(String.init) ?? "ripgrep"
  return "\(folder)/\(name.hasSuffix(".yaml") ? String(name.dropLast(5)) : name).yaml"
}

let soundTarget = SourceText(
  path: "targets/x86_64-unknown-linux-musl.yaml",
  text: "triple: x86_64-unknown-linux-musl\nexecutor: musl-static\n")

/// Every message stands within its file, and none is endless.
private func checkDiagnostics(_ diagnostics: [RecipeDiagnostic], _ files: [SourceText])
  throws(FuzzFinding)
{
  for found in diagnostics {
    try expect(
      found.description.utf8.count < 20_000,
      "a message of \(found.description.utf8.count) bytes: \(found.summary.prefix(200))")
    guard found.line > 0 else { continue }
    let lines = files.first { $0.path == found.file }.map { lineCount($0.bytes) }
    try expect(
      found.line <= (lines ?? 0) && found.column > 0,
      "the place of “\(found.summary)” is not in the file")
  }
}

/// As editors count them: a line ends with LF, CR, or both.
private func lineCount(_ bytes: [UInt8]) -> Int {
  let feeds = bytes.count { $0 == 10 }
  let pairs = zip(bytes, bytes.dropFirst()).count { $0 == 13 && $1 == 10 }
  return 1 + feeds + bytes.count { $0 == 13 } - pairs
}

/// Plans can be made of whatever is accepted, always the same ones.
private func checkPlans(of set: RecipeSet) throws(FuzzFinding) {
  guard let version = Semver("13.0.0") else { return }
  for crate in set.recipes.map(\.crate).prefix(4) {
    let facts = VersionFacts(
      crate: crate, version: version, checksum: String(repeating: "ab", count: 32))
    for target in set.targets.map(\.triple).prefix(4) {
      let decision = set.plan(for: facts, target: target)
      try expect(decision == set.plan(for: facts, target: target), "two plans of one recipe")
      let explanation = set.explain(facts, target: target)
      try expect(explanation?.values.isEmpty == false, "a plan has no explanation")
      try expect(
        (decision.plan == nil) == (explanation?.skip != nil), "a plan and its explanation differ")
      guard let plan = decision.plan else { continue }
      try expect(plan.digest.utf8.count == 64, "the digest of a plan is “\(plan.digest)”")
    }
  }
}
