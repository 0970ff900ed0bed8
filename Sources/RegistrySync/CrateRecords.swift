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
  /// How many versions they say that the index has; nil: nothing is said of the others.
  var listed: Int?

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
      self.listed = listed.count
      RecordLine.append(.crate(RegistryCrate(crate: name, versions: listed)), to: &lines)
    }
  }

  /// The lines by which the backend learns that a crate is gone.
  init(gone crate: CrateName) {
    name = crate
    isGone = true
    listed = 0
    RecordLine.append(.crate(RegistryCrate(crate: crate, versions: [])), to: &lines)
  }
}

/// How many versions an older index file has and a newer one lacks; none where a line of the newer one cannot
/// be read, for then it takes none away. Pure.
func versionsLost(
  from old: [UInt8], to new: [UInt8], of crate: CrateName, reader: IndexFileReader
) -> Int {
  guard let new = versions(of: new, crate, reader) else { return 0 }
  return (versions(of: old, crate, reader, skipsProblems: true) ?? []).subtracting(new).count
}

/// The versions that a file lists; nil: a line's cannot be read.
private func versions(
  of file: [UInt8], _ crate: CrateName, _ reader: IndexFileReader, skipsProblems: Bool = false
) -> Set<Semver>? {
  var versions: Set<Semver>? = []
  reader.read(file, of: crate) { line in
    switch line {
    case .entry(let entry, _): versions?.insert(entry.version)
    case .problem(let problem):
      if let version = problem.version {
        versions?.insert(version)
      } else if !skipsProblems {
        versions = nil
      }
    }
  }
  return versions
}

extension IndexEntry {
  /// What the farm wants to know of it.
  var registryVersion: RegistryVersion {
    RegistryVersion(
      crate: name, version: version, checksum: checksum.hex, yanked: isYanked,
      publishedAt: publishedAt, rustVersion: rustVersion)
  }
}
