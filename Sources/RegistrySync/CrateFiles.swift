import CrateRegistry
import FarmModel

/// Where the lines of a crate are read again, before its `.crate` is looked into.
enum CrateFiles: Sendable {
  case sparse(SparseIndex)
  case git(GitIndex, commit: String)

  /// What an index says now of a version that is to be looked into.
  enum Finding: Sendable {
    case entry(IndexEntry)
    /// It does not have it any more; the crate's lines say so.
    case unlisted(CrateRecords)
    /// It has a line that is the version's, or may be, and cannot be read, such as one of a newer format.
    case unreadable(IndexProblem)

    init(_ wanted: RegistryLooks.Version, file: [UInt8]) {
      let (entries, problems) = parseIndexFile(file, of: wanted.crate)
      if let entry = entries.last(where: { $0.version == wanted.version }) {
        self = .entry(entry)
      } else if let problem = problems.first(where: {
        $0.version == nil || $0.version == wanted.version
      }) {
        self = .unreadable(problem)
      } else {
        self = .unlisted(CrateRecords(wanted.crate, file: file, reader: IndexFileReader()))
      }
    }
  }

  /// What can be found out of all of them at once, by one process; of the others ``find(_:)`` tells.
  func findAll(
    _ wanted: [RegistryLooks.Version]
  ) async throws(RegistryError) -> [RegistryLooks.Version: Finding] {
    guard case .git(let index, let commit) = self else { return [:] }
    var crates: [CrateName] = []
    var versions: [CrateName: [RegistryLooks.Version]] = [:]
    for version in wanted {
      if versions[version.crate] == nil { crates.append(version.crate) }
      versions[version.crate, default: []].append(version)
    }
    let (names, wantedOf) = (crates, versions)
    return try await index.read(names.map { GitIndex.object(of: $0, at: commit) }) {
      (files) async throws(RegistryError) in
      var findings: [RegistryLooks.Version: Finding] = [:]
      for name in names {
        let file = try await files.nextIfAny() ?? []
        for version in wantedOf[name] ?? [] {
          findings[version] = Finding(version, file: file)
        }
      }
      return findings
    }
  }

  /// What a sparse index says.
  func find(_ wanted: RegistryLooks.Version) async throws(RegistryError) -> Finding {
    if case .sparse(let index) = self,
      case .changed(let bytes, _, _) = try await index.fetch(wanted.crate)
    {
      return Finding(wanted, file: bytes)
    }
    return Finding(wanted, file: [])
  }
}
