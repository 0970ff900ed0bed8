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

  /// `{crate}-{version}-{target}.sbom.cdx.json`
  public static func sbom(crate: String, version: String, target: String) -> String {
    "\(crate)-\(version)-\(target).sbom.cdx.json"
  }

  /// `{crate}_{version}_{debian-architecture}.deb` in Debian's spelling; nil where there is no
  /// package of this name or for this target. The same for the gnu and the musl target of a machine.
  public static func debian(crate: String, version: String, target: String) -> String? {
    guard let package = DebianName.package(crate: crate),
      let architecture = DebianName.architecture(target: target)
    else { return nil }
    return "\(package)_\(DebianName.version(version))_\(architecture).deb"
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
