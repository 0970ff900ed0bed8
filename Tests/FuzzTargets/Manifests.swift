import CrateRegistry
import FarmModel

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
  return .accepted
}
