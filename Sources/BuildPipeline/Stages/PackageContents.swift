import Archives
import Foundation

/// Which files of a crate go into the archive beside its binaries: found by name, since crates have
/// no other convention.
enum PackageContents {
  /// Files beyond this size are no documentation.
  static let largestFile = 1 << 20
  /// More files than this are a mistake.
  static let mostFiles = 100

  /// Where a file of the crate goes in the archive; nil: it stays out.
  static func place(of path: String) -> String? {
    let parts = path.split(separator: "/").map(String.init)
    guard let name = parts.last, parts.count <= 4,
      !parts.contains(where: { $0.hasPrefix(".") || $0 == "tests" || $0 == "vendor" })
    else { return nil }
    if parts.count == 1, isLicenceOrReadme(name) { return name }
    if isManualPage(name) { return "man/" + name }
    if isCompletion(name, folders: parts.dropLast()) { return "completions/" + name }
    return nil
  }

  private static func isLicenceOrReadme(_ name: String) -> Bool {
    let upper = name.uppercased()
    return ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "UNLICENSE", "NOTICE", "README"]
      .contains { upper == $0 || upper.hasPrefix($0 + ".") || upper.hasPrefix($0 + "-") }
  }

  /// `name.1` to `name.8`: sections of the manual.
  private static func isManualPage(_ name: String) -> Bool {
    let parts = name.split(separator: ".")
    guard parts.count == 2, let section = parts.last, section.count == 1 else { return false }
    return ("1"..."8").contains(section)
  }

  private static func isCompletion(_ name: String, folders: ArraySlice<String>) -> Bool {
    let isInFolder = folders.contains { $0.hasPrefix("complet") || $0 == "autocomplete" }
    let isNamedSo =
      [".bash", ".fish", ".zsh", ".elv", ".ps1"].contains { name.hasSuffix($0) }
      || name.hasPrefix("_")
    return isInFolder && isNamedSo && !name.hasSuffix(".rs")
  }

  /// The files of a crate's folder that go along, sorted by their paths. Blocks on the disk.
  ///
  /// The folder comes from an archive without links, and nothing could write to it since.
  static func files(inCrate folder: String, binaries: Set<String>) -> [ArchiveInput] {
    let paths = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
    var taken = binaries
    var inputs: [ArchiveInput] = []
    for path in paths.sorted() {
      guard inputs.count < mostFiles, let place = place(of: path), !taken.contains(place),
        isSmallFile("\(folder)/\(path)")
      else { continue }
      taken.insert(place)
      inputs.append(ArchiveInput(path: place, content: .file(path: "\(folder)/\(path)")))
    }
    return inputs
  }

  private static func isSmallFile(_ path: String) -> Bool {
    guard let attributes = try? FileManager.default.attributesOfItem(atPath: path) else {
      return false
    }
    return attributes[.type] as? FileAttributeType == .typeRegular
      && (attributes[.size] as? Int ?? .max) <= largestFile
  }
}
