/// The public names of a build's files, as clients and `cargo binstall` know them.
public enum ArtifactName {
  /// `{crate}-{version}-{target}.tar.gz`
  public static func archive(crate: String, version: String, target: String) -> String {
    "\(crate)-\(version)-\(target).tar.gz"
  }

  /// `{crate}-{version}-{target}.metadata.json`
  public static func metadata(crate: String, version: String, target: String) -> String {
    "\(crate)-\(version)-\(target).metadata.json"
  }

  /// Whether a name is a plain file name that may form a path or URL: no separators, no leading dot,
  /// printable ASCII of the set that versions and triples use, at most 255 bytes.
  public static func isSafe(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.count <= 255 && name.first != "." && name.first != "-"
      && name.utf8.allSatisfy {
        (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0)
          || [43, 45, 46, 95, 126].contains($0)
      }
  }
}
