import FarmModel

/// Takes the packages out of a parsed lockfile.
struct LockfileReader {
  let document: TOMLDocument
  let lines: LockfileLines
  let registries: Set<String>

  func read() throws(LockfileError) -> (format: Int, packages: [LockedPackage]) {
    let (version, sections, root) = try lockfileTOML { () throws(ManifestError) in
      (try document.number("version"), try document.tables("package"), try document.table("root"))
    }
    if let version, version > 4 { throw .newerFormat(version: version, line: lines.version) }
    let old = try oldChecksums()
    let format = version ?? (old.isEmpty ? 2 : 1)
    guard (1...4).contains(format) else {
      throw .invalid(reason: "the format \(format) is unknown", line: lines.version)
    }
    var packages: [LockedPackage] = []
    // The oldest files have the package itself in a table of its own.
    if let root { packages.append(try package(root, Place(index: nil, total: 0), old)) }
    for (index, section) in sections.enumerated() {
      packages.append(try package(section, Place(index: index, total: sections.count), old))
    }
    return (format, packages)
  }

  /// Which of the file's packages it is about; nil: the one in `[root]`.
  private struct Place {
    let index: Int?
    let total: Int
  }

  private func line(of key: String, at place: Place) -> Int? {
    place.index.flatMap { lines.line(of: key, inPackage: $0, of: place.total) }
  }

  /// Format 1 keeps them apart: `"checksum NAME VERSION (SOURCE)" = "…"`, or `"<none>"`.
  private func oldChecksums() throws(LockfileError) -> [String: String] {
    try lockfileTOML { () throws(ManifestError) in
      guard let metadata = try document.table("metadata") else { return [:] }
      var checksums: [String: String] = [:]
      for key in metadata.keys where key.hasPrefix("checksum ") {
        checksums[key] = try metadata.text(key)
      }
      return checksums
    }
  }

  private func package(
    _ section: TOMLSection, _ place: Place, _ old: [String: String]
  ) throws(LockfileError) -> LockedPackage {
    let text = try lockfileTOML { () throws(ManifestError) in
      (
        name: try section.text("name", required: true) ?? "",
        version: try section.text("version", required: true) ?? "",
        source: try section.text("source"), checksum: try section.text("checksum"),
        dependencies: try section.texts("dependencies")
      )
    }
    guard let name = CrateName(text.name), let version = Semver(text.version) else {
      throw .invalid(
        reason: "'\(text.name) \(text.version)' is no crate name and version",
        line: line(of: "name", at: place))
    }
    if let source = text.source { try check(source, of: "\(name) \(version)", place) }
    let oldText = old["checksum \(name) \(version) (\(text.source ?? ""))"]
    let checksum = try checksum(
      text.checksum ?? (oldText == "<none>" ? nil : oldText), of: "\(name) \(version)", place)
    return LockedPackage(
      name: name, version: version, isFromRegistry: text.source != nil, checksum: checksum,
      line: place.index.flatMap { lines.package($0, of: place.total) },
      dependencies: text.dependencies)
  }

  private func checksum(
    _ text: String?, of package: String, _ place: Place
  ) throws(LockfileError) -> CrateChecksum? {
    guard let text else { return nil }
    guard let checksum = CrateChecksum(text) else {
      throw .invalid(
        reason: "the checksum of \(package) is not 64 hexadecimal digits",
        line: line(of: "checksum", at: place))
    }
    return checksum
  }

  private func check(
    _ source: String, of package: String, _ place: Place
  ) throws(LockfileError) {
    if registries.contains(source) { return }
    let line = line(of: "source", at: place)
    if source.hasPrefix("git+") {
      throw .gitSource(package: package, source: source, line: line)
    }
    throw .foreignRegistry(package: package, source: source, line: line)
  }
}

/// Reads TOML and turns its errors into those of a lockfile.
func lockfileTOML<Value>(
  _ body: () throws(ManifestError) -> Value
) throws(LockfileError) -> Value {
  do throws(ManifestError) {
    return try body()
  } catch {
    throw LockfileError(error)
  }
}
