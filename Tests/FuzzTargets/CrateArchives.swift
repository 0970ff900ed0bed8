import Archives
import CrateRegistry
import FarmModel
import Foundation
import HandmadeArchives

/// The first byte tells what the others are: `G` a `.crate` as it is, anything else a tar, which is
/// compressed here, since no mutation finds the checksums and lengths of a compressed one.
func checkCrate(_ input: [UInt8]) throws(FuzzFinding) -> FuzzOutcome {
  let isCompressed = input.first == UInt8(ascii: "G")
  let body = Array(input.dropFirst())
  let archive = isCompressed ? body : gzip(body)
  let inspection = inspect(archive)
  if case .success(let inspection) = inspection { try checkFiles(inspection, archive) }
  try checkUnpacking(archive, inspection)
  if case .success = inspection { return .accepted }
  return .refused
}

/// The crate that all inputs claim to be.
let fuzzedCrate = (name: "tool", version: "1.0.0")

/// Small enough that every limit is reached by a small input.
private let limits = ArchiveLimits(
  entries: 200, unpackedSize: 1 << 20, ratio: 50, ratioApplies: 64 << 10, pathLength: 300)

private func inspect(_ archive: [UInt8]) -> Result<CrateInspection, RegistryError> {
  guard let name = CrateName(fuzzedCrate.name), let version = Semver(fuzzedCrate.version) else {
    preconditionFailure("the crate's name is none")
  }
  return Result { () throws(RegistryError) in
    try inspectCrate(.bytes(archive), name: name, version: version, limits: limits)
  }
}

private func checkFiles(_ inspection: CrateInspection, _ archive: [UInt8]) throws(FuzzFinding) {
  try expect(Set(inspection.files).count == inspection.files.count, "a file occurs twice")
  for file in inspection.files {
    let parts = file.split(separator: "/", omittingEmptySubsequences: false)
    try expect(
      !parts.isEmpty && parts.allSatisfy { !["", ".", ".."].contains($0) },
      "“\(file)” is no path inside of the crate")
  }
  for binary in inspection.binaries {
    try expect(!binary.name.isEmpty, "a binary has no name")
  }
}

/// Unpacking writes what inspecting has promised, inside of its folder, or nothing at all.
private func checkUnpacking(
  _ archive: [UInt8], _ inspection: Result<CrateInspection, RegistryError>
) throws(FuzzFinding) {
  let folder = try scratchFolder()
  defer { try? FileManager.default.removeItem(atPath: folder) }
  let crate = folder + "/crate"
  let failure = try unpack(archive, in: folder, as: crate)
  let left = Set((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
  try expect(
    left == (failure == nil ? ["x.crate", "crate"] : ["x.crate"]), "unpacking has left \(left)")
  switch (inspection, failure) {
  case (.success, let failure?):
    // What a disk has no room or no name for is not the archive's fault.
    if case .system = failure { return }
    throw FuzzFinding("accepted when inspected, refused when unpacked: \(failure)")
  case (.failure(.archive(_, let refused)), nil):
    throw FuzzFinding("refused when inspected (\(refused)), but unpacked")
  case (.success(let inspection), nil):
    let notes: Set = [".cargo-ok", ".cargo-checksum.json"]
    let found = Set(files(below: crate))
    let promised = Set(inspection.files).subtracting(notes)
    try expect(found == promised, "unpacked are \(found), promised were \(promised)")
  case (.failure, _): break
  }
}

private func unpack(_ archive: [UInt8], in folder: String, as crate: String) throws(FuzzFinding)
  -> ArchiveError?
{
  let file = folder + "/x.crate"
  guard FileManager.default.createFile(atPath: file, contents: Data(archive)) else {
    throw FuzzFinding("\(file) cannot be written")
  }
  do throws(ArchiveError) {
    let root = "\(fuzzedCrate.name)-\(fuzzedCrate.version)"
    _ = try unpackCrate(archive: file, expectedRoot: root, into: crate, limits: limits)
    return nil
  } catch {
    return error
  }
}

/// Paths of what is no folder, relative to the folder.
private func files(below folder: String) -> [String] {
  let all = FileManager.default.enumerator(atPath: folder)
  return (all?.compactMap { $0 as? String } ?? []).filter { path in
    var isDirectory: ObjCBool = false
    return !FileManager.default.fileExists(atPath: "\(folder)/\(path)", isDirectory: &isDirectory)
      || !isDirectory.boolValue
  }
}

/// A new folder, in memory where there is such a place.
private func scratchFolder() throws(FuzzFinding) -> String {
  let memory = "/dev/shm"
  let parent =
    FileManager.default.isWritableFile(atPath: memory)
    ? memory : FileManager.default.temporaryDirectory.path
  let folder = "\(parent)/buildsrs-fuzz-\(UUID().uuidString)"
  do {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
  } catch {
    throw FuzzFinding("\(folder) cannot be made: \(error)")
  }
  return folder
}
