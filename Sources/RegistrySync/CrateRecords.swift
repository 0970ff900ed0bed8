import CrateRegistry
import FarmModel

/// What a crate's index file makes of lines to send. Pure.
struct CrateRecords: Sendable {
  /// The crate's name as it was published, where its file tells.
  var name: CrateName
  /// NDJSON: version lines, then the crate's.
  var lines: [UInt8] = []
  /// How many of the lines are versions.
  var versions = 0
  var problems: [SyncProblem] = []
  /// The lines say that the index has no version of the crate.
  var isGone = false

  /// - Parameters:
  ///   - file: the index file; empty where the index has the crate no more.
  ///   - old: the file as the backend knows it, whose lines need not be sent again.
  init(
    _ crate: CrateName, file: [UInt8], old: [UInt8] = [], reader: IndexFileReader
  ) {
    name = crate
    let known = Set(old.split(separator: 10))
    var listed: [Semver]? = []
    reader.read(file, of: crate) { line in
      switch line {
      case .entry(let entry, let place):
        name = entry.name
        listed?.append(entry.version)
        if !known.isEmpty, known.contains(file[place]) { return }
        RecordLine.append(.version(entry.registryVersion), to: &lines)
        versions += 1
      case .problem(let problem):
        problems.append(SyncProblem(crate: crate.text, reason: "index \(problem)"))
        // A line that cannot be read takes no version away from the backend.
        if let version = problem.version { listed?.append(version) } else { listed = nil }
      }
    }
    if let listed {
      isGone = listed.isEmpty
      RecordLine.append(.crate(RegistryCrate(crate: name, versions: listed)), to: &lines)
    }
  }

  /// The lines by which the backend learns that a crate is gone.
  init(gone crate: CrateName) {
    name = crate
    isGone = true
    RecordLine.append(.crate(RegistryCrate(crate: crate, versions: [])), to: &lines)
  }
}

extension IndexEntry {
  /// What the farm wants to know of it.
  var registryVersion: RegistryVersion {
    RegistryVersion(
      crate: name, version: version, checksum: checksum.hex, yanked: isYanked,
      publishedAt: publishedAt, rustVersion: rustVersion)
  }
}
