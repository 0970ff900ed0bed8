import Archives
import CrateRegistry
import Foundation

/// Which files of a crate go into the archive beside its binaries: found by name, since crates have
/// no other convention, and those that the manifest names.
enum PackageContents {
  /// Files beyond this size are no documentation.
  static let largestFile = 1 << 20
  /// More files than this are a mistake.
  static let mostFiles = 100
  /// More bytes than this, of all files together, are one, too.
  static let mostBytes = 16 << 20

  /// Where a file of the crate goes in the archive; nil: it stays out.
  static func place(of path: String) -> String? {
    let parts = path.split(separator: "/").map(String.init)
    guard let name = parts.last, parts.count <= 4,
      !parts.contains(where: { $0.hasPrefix(".") || $0 == "tests" || $0 == "vendor" })
    else { return nil }
    if parts.count == 1, isLicenceOrReadme(name) { return name }
    // Where the REUSE convention has the licences' texts (reuse.software/spec).
    if parts.count == 2, parts[0] == "LICENSES" { return path }
    if isManualPage(name) { return "man/" + name }
    if isCompletion(name, folders: parts.dropLast()) { return "completions/" + name }
    return nil
  }

  /// Where a file goes that the manifest names (`license-file`, `readme`): to the root. Nil for a path
  /// out of the crate; Cargo has copied such files to its root when it was published, if they are
  /// there at all.
  static func place(ofNamed path: String) -> String? {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    guard let name = parts.last, parts.count <= 8, path.utf8.count <= 500,
      parts.allSatisfy({ !$0.isEmpty && !$0.hasPrefix(".") && !$0.utf8.contains(0) })
    else { return nil }
    return String(name)
  }

  private static func isLicenceOrReadme(_ name: String) -> Bool {
    let upper = name.uppercased()
    return ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "UNLICENSE", "NOTICE", "README"]
      .contains { upper == $0 || upper.hasPrefix($0 + ".") || upper.hasPrefix($0 + "-") }
  }

  /// `name.1` to `name.8`: sections of the manual.
  static func isManualPage(_ name: String) -> Bool {
    let parts = name.split(separator: ".")
    guard parts.count == 2, let section = parts.last, section.count == 1 else { return false }
    return ("1"..."8").contains(section)
  }

  /// By which completions are known: Bash, Fish, Zsh, Elvish, PowerShell.
  static let completionEndings = [".bash", ".bash-completion", ".fish", ".zsh", ".elv", ".ps1"]

  private static func isCompletion(_ name: String, folders: ArraySlice<String>) -> Bool {
    let isInFolder = folders.contains { $0.hasPrefix("complet") || $0 == "autocomplete" }
    let isNamedSo = completionEndings.contains { name.hasSuffix($0) } || name.hasPrefix("_")
    return isInFolder && isNamedSo && !name.hasSuffix(".rs")
  }

  /// The files that go along, sorted by where they come from; of two for one place the crate's own.
  /// Blocks on the disk.
  ///
  /// The crate's folder comes from an archive without links, and nothing could write to it since; the
  /// generated files are copies.
  /// - Parameters:
  ///   - crate: the crate's folder.
  ///   - generated: what ``GeneratedTexts`` has taken over.
  ///   - binaries: names that are taken.
  static func files(
    inCrate crate: String, generated: String, manifest: Manifest, binaries: Set<String>
  ) -> [ArchiveInput] {
    var list = TextList(taken: binaries)
    for path in [manifest.licenseFile, manifest.readme].compactMap({ $0 }) {
      list.add("\(crate)/\(path)", as: place(ofNamed: path))
    }
    for folder in [crate, generated] {
      let paths = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String }
      for path in (paths ?? []).sorted() { list.add("\(folder)/\(path)", as: place(of: path)) }
    }
    return list.inputs
  }

  /// Files within the bounds.
  private struct TextList {
    var taken: Set<String>
    var inputs: [ArchiveInput] = []
    private var bytes = 0

    init(taken: Set<String>) { self.taken = taken }

    mutating func add(_ file: String, as place: String?) {
      guard let place, inputs.count < mostFiles, isFree(place),
        let size = size(ofRegular: file), size <= largestFile, bytes + size <= mostBytes
      else { return }
      bytes += size
      taken.insert(place)
      inputs.append(ArchiveInput(path: place, content: .file(path: file)))
    }

    /// Whether an archive can have the file: no other of the name, no binary that is called `man`, and
    /// nothing in the name that a terminal would obey.
    private func isFree(_ place: String) -> Bool {
      let folder = (place as NSString).deletingLastPathComponent
      return !taken.contains(place) && !taken.contains(folder)
        && !["man", "completions", "LICENSES"].contains(place)
        && !place.unicodeScalars.contains { $0.properties.generalCategory == .control }
    }

    private func size(ofRegular path: String) -> Int? {
      guard let attributes = try? FileManager.default.attributesOfItem(atPath: path),
        attributes[.type] as? FileAttributeType == .typeRegular
      else { return nil }
      return (attributes[.size] as? NSNumber)?.intValue
    }
  }
}
