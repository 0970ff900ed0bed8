extension Lockfile {
  /// The lockfile's text with the checksums that it lacks, at the places where Cargo writes them:
  /// with `--locked`, Cargo accepts no other file.
  ///
  /// - Parameter checksum: the checksum of a package from the index.
  /// - Returns: nil where a checksum is still missing, or the file is not written as Cargo does.
  public func text(filling checksum: (LockedPackage) -> CrateChecksum?) -> String? {
    let missing = missingChecksums
    if missing.isEmpty { return text }
    guard format > 1 else { return nil }
    var lines = lines(of: text)
    for package in missing.sorted(by: { ($0.line ?? 0) > ($1.line ?? 0) }) {
      guard let head = package.line, let checksum = checksum(package),
        let source = lines[head...].firstIndex(where: { $0.hasPrefix("source =") })
      else { return nil }
      let ending = lines[source].utf8.last == 0x0D ? "\r" : ""
      lines.insert("checksum = \"\(checksum)\"\(ending)", at: source + 1)
    }
    return lines.joined(separator: "\n")
  }
}
