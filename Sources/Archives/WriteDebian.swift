import Glibc

/// Writes a Debian package (deb(5)) that depends on nothing but its arguments (and the versions of
/// zlib and liblzma).
///
/// Files and their folders are sorted by the bytes of their paths, belong to root and have all the
/// same time (seconds since 1970). The package appears under its name when it is whole, and replaces
/// another. Blocks on the disk.
/// - Parameters:
///   - control: the files of the control archive, such as `control`.
///   - data: the files to install, by their paths from the root, without a slash at the beginning.
public func writeReproducibleDebian(
  control: [ArchiveInput], data: [ArchiveInput], to path: String, modificationTime: Int64
) throws(ArchiveError) {
  let temporary = try temporarySibling(of: path)
  let parts = (control: temporary + ".control", data: temporary + ".data")
  defer { for file in [temporary, parts.control, parts.data] { unlink(file) } }
  try writeTree(control, to: parts.control, modificationTime)
  try writeTree(data, to: parts.data, modificationTime)
  let writer = try ArchiveWriter(.ar, path: temporary, modificationTime: modificationTime)
  // The names and their order are dpkg's.
  try writer.add(
    ArchiveInput(path: "debian-binary", content: .bytes(Array("2.0\n".utf8))), as: "debian-binary")
  try writer.add(
    ArchiveInput(path: "control", content: .file(path: parts.control)), as: "control.tar.xz")
  try writer.add(ArchiveInput(path: "data", content: .file(path: parts.data)), as: "data.tar.xz")
  try writer.close()
  guard rename(temporary, path) == 0 else { throw systemError("create", path) }
}

/// The folders that files need, each before those below it, sorted; `.` itself is not among them.
public func foldersNeeded(by files: [ArchiveInput]) -> [String] {
  var folders: Set<String> = []
  for file in files {
    var parts = file.path.split(separator: "/").dropLast()
    while !parts.isEmpty, folders.insert(parts.joined(separator: "/")).inserted {
      parts = parts.dropLast()
    }
  }
  return folders.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
}

/// A tar with all its folders, as dpkg unpacks it: every path begins with `./`.
private func writeTree(
  _ files: [ArchiveInput], to path: String, _ modificationTime: Int64
) throws(ArchiveError) {
  try checkPaths(files)
  let writer = try ArchiveWriter(
    .tar(.xz), path: path, modificationTime: modificationTime, ownerName: "root")
  try writer.addFolder("./")
  for folder in foldersNeeded(by: files) { try writer.addFolder("./\(folder)/") }
  for file in files.sorted(by: pathsPrecede) { try writer.add(file, as: "./" + file.path) }
  try writer.close()
}

/// Writes bytes as `gzip -9n` does: without a name and a time in its head.
///
/// - Parameter scratch: a path for the compressed file, which must not exist; it is removed.
public func gzipped(_ bytes: [UInt8], scratch: String) throws(ArchiveError) -> [UInt8] {
  defer { unlink(scratch) }
  let writer = try ArchiveWriter(.bytes(.gzip), path: scratch, modificationTime: 0)
  try writer.add(ArchiveInput(path: "bytes", content: .bytes(bytes)), as: "bytes")
  try writer.close()
  return try wholeFile(scratch)
}
