/// The `dl` of a registry's `config.json` (Cargo's reference, "Index Format").
enum DownloadTemplate {
  /// Where the `.crate` of a version is.
  static func url(_ template: String, crate: String, version: String, checksum: String) -> String {
    let markers = [
      "{crate}": crate, "{version}": version, "{sha256-checksum}": checksum,
      "{prefix}": prefix(crate), "{lowerprefix}": prefix(crate.lowercased()),
    ]
    guard markers.keys.contains(where: template.contains) else {
      let base = template.hasSuffix("/") ? String(template.dropLast()) : template
      return "\(base)/\(crate)/\(version)/download"
    }
    return markers.reduce(template) { $0.replacing($1.key, with: $1.value) }
  }

  /// The directory of a crate in an index: `1`, `2`, `3/a` or `ab/cd`.
  private static func prefix(_ crate: String) -> String {
    switch crate.count {
    case 1, 2: "\(crate.count)"
    case 3: "3/\(crate.prefix(1))"
    default: "\(crate.prefix(2))/\(crate.dropFirst(2).prefix(2))"
    }
  }
}
