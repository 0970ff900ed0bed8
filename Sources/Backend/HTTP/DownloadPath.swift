import FarmModel

/// The layout of downloads that `cargo binstall` knows from quickinstall:
/// `{crate}-{version}/{crate}-{version}-{target}.tar.gz` and what belongs to it.
struct DownloadPath: Sendable, Equatable {
  var crate: CrateName
  var version: Semver
  var target: TargetTriple
  var part: ArtifactPart

  /// Nil where the two parts of the path do not fit together.
  init?(folder: String, file: String) {
    guard let (crate, version) = Self.split(folder), file.hasPrefix(folder + "-") else {
      return nil
    }
    let (name, part) = ArtifactPart.split(file)
    let rest = name.dropFirst(folder.count + 1)
    guard rest.hasSuffix(".tar.gz"), let target = TargetTriple(rest.dropLast(7)) else { return nil }
    self.crate = crate
    self.version = version
    self.target = target
    self.part = part
  }

  /// Crate names have no dots: the version begins behind the last hyphen before the first dot.
  private static func split(_ folder: String) -> (CrateName, Semver)? {
    guard let dot = folder.firstIndex(of: "."),
      let hyphen = folder[..<dot].lastIndex(of: "-"),
      let crate = CrateName(folder[..<hyphen]),
      let version = Semver(folder[folder.index(after: hyphen)...])
    else { return nil }
    return (crate, version)
  }
}

/// A file, or one of the small files beside it.
enum ArtifactPart: Sendable, Equatable {
  case file, signature, checksum

  /// A file's name without the suffix that names a part of it, and that part.
  static func split(_ name: String) -> (name: String, part: ArtifactPart) {
    for suffix in [".minisig", ".sig"] where name.hasSuffix(suffix) {
      return (String(name.dropLast(suffix.count)), .signature)
    }
    return name.hasSuffix(".sha256") ? (String(name.dropLast(7)), .checksum) : (name, .file)
  }
}
