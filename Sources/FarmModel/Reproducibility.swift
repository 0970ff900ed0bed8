/// Whether a build gives the same bytes when it is done once more; the database's words.
public enum Reproducibility: String, Codable, Sendable, CaseIterable {
  /// Nobody has built it twice.
  case untested
  /// Another build gave the same files.
  case reproduced
  case differs
}

/// What the comparison of two builds of one plan has shown.
public struct ReproducibilityFinding: Codable, Sendable, Equatable {
  /// `reproduced` or `differs`.
  public var verdict: Reproducibility
  /// Names of the files and binaries that differ or are in one build only, sorted.
  public var differing: [String]

  /// A comparison by names and digests: ``Reproducibility/reproduced`` where nothing differs.
  public init(differing: [String]) {
    self.differing = Set(differing).sorted()
    verdict = differing.isEmpty ? .reproduced : .differs
  }

  /// Compares two builds of the same plan: each binary, and every file made of them.
  ///
  /// Logs, provenance and metadata are left out: they tell of one run (who has built, in which
  /// environment, what a program printed when it was started) and not what was built.
  public init(comparing first: BuildReport, with second: BuildReport) {
    let (left, right) = (Self.digests(of: first), Self.digests(of: second))
    let names = Set(left.keys).union(right.keys)
    self.init(differing: names.filter { left[$0] != right[$0] })
  }

  /// SHA-256 by the names of files, and of binaries as `bin/NAME`.
  private static func digests(of report: BuildReport) -> [String: String] {
    var digests: [String: String] = [:]
    for binary in report.binaries { digests["bin/" + binary.name] = binary.sha256 }
    for artifact in report.artifacts where isCompared(artifact.kind) {
      digests[artifact.name] = artifact.sha256
    }
    return digests
  }

  private static func isCompared(_ kind: ArtifactKind) -> Bool {
    switch kind {
    case .binary, .debian, .sbom: true
    case .metadata, .provenance, .log: false
    }
  }
}
