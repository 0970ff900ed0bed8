/// Writes the programs of a binary archive into a folder, which must exist: the executable files at its root.
/// What else it holds is left out. Programs get the mode 0755 and no earlier file's place. Blocks on the disk.
///
/// - Parameter isAcceptable: whether a name may be a file's.
/// - Returns: Their names, in the archive's order.
public func unpackPrograms(
  archive: String, into folder: String, limits: ArchiveLimits = .init(),
  where isAcceptable: (String) -> Bool
) throws(ArchiveError) -> [String] {
  var names: [String] = []
  try readTarGz(from: .file(path: archive), limits: limits) {
    (entry, content) throws(ArchiveError) in
    guard !entry.isDirectory, entry.isExecutable, !entry.path.contains("/"),
      isAcceptable(entry.path)
    else { return }
    let file = try OutputFile(path: "\(folder)/\(entry.path)", mode: 0o755)
    try content.forEachPiece { (piece) throws(ArchiveError) in try file.write(piece) }
    try file.close()
    names.append(entry.path)
  }
  return names
}
