import ExecutorKit
import FarmModel
import Foundation

/// Takes over the manual pages and completions that a crate's own build script has made below its
/// `OUT_DIR`, with the care that is due to all that a build leaves behind.
struct GeneratedTexts: Sendable {
  let folders: AttemptFolders
  /// The names of the binaries that were built: a script may write anything, and only what is named
  /// after them is meant for their users.
  let binaries: [String]

  /// Folders below `OUT_DIR` that are looked into.
  static let deepest = 3
  /// Names that are looked at, in all folders together; some scripts unpack whole libraries.
  static let mostNames = 5000

  /// Where a generated file goes in the archive; nil: it is not for users.
  static func place(of name: String, binaries: [String]) -> String? {
    guard ArtifactName.isSafe(name) else { return nil }
    if PackageContents.isManualPage(name) {
      return isNamedAfter(binaries, String(name.dropLast(2))) ? "man/" + name : nil
    }
    let plain = name.hasPrefix("_") ? String(name.dropFirst()) : name
    let ending = PackageContents.completionEndings.first { plain.hasSuffix($0) } ?? ""
    guard !ending.isEmpty || name.hasPrefix("_") else { return nil }
    return isNamedAfter(binaries, String(plain.dropLast(ending.count)))
      ? "completions/" + name : nil
  }

  /// `rg`, or `rg-something`: the page of a subcommand.
  private static func isNamedAfter(_ binaries: [String], _ name: String) -> Bool {
    binaries.contains { name == $0 || name.hasPrefix($0 + "-") }
  }

  /// Copies what is found to the attempt's own folder, laid out as in the archive. Blocks on the disk.
  ///
  /// What cannot be opened safely is passed over: a text that is missing is no reason to fail.
  /// - Parameter scriptFolders: the environment's paths, as Cargo names them.
  /// - Returns: the places, sorted.
  /// - Throws: ``ExecutorFailure`` where the attempt's own folder cannot be written.
  func collect(from scriptFolders: [String]) throws(ExecutorFailure) -> [String] {
    var search = Search(collector: self)
    for folder in scriptFolders.sorted() {
      guard let open = try? TargetFolder(path: folders.target).openFolder(folder) else { continue }
      try search.take(from: open, depth: 0)
    }
    return search.taken.sorted()
  }

  /// One walk with its bounds.
  private struct Search {
    let collector: GeneratedTexts
    var taken: Set<String> = []
    var namesLeft = GeneratedTexts.mostNames

    /// Takes over an open folder, and closes it.
    mutating func take(from folder: Int32, depth: Int) throws(ExecutorFailure) {
      defer { close(folder) }
      for name in names(in: folder) {
        if let place = GeneratedTexts.place(of: name, binaries: collector.binaries) {
          try takeFile(name, in: folder, as: place)
        } else if depth < GeneratedTexts.deepest {
          let inner = TargetFolder.openFolder(name, in: folder)
          if inner >= 0 { try take(from: inner, depth: depth + 1) }
        }
      }
    }

    /// Sorted: which of two files of one name is taken must not depend on the disk.
    private mutating func names(in folder: Int32) -> [String] {
      let copy = fcntl(folder, F_DUPFD_CLOEXEC, 0)
      guard copy >= 0 else { return [] }
      guard let stream = fdopendir(copy) else {
        close(copy)
        return []
      }
      defer { closedir(stream) }
      var names: [String] = []
      while namesLeft > 0, let entry = readdir(stream) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name == "." || name == ".." { continue }
        namesLeft -= 1
        names.append(name)
      }
      return names.sorted()
    }

    private mutating func takeFile(
      _ name: String, in folder: Int32, as place: String
    ) throws(ExecutorFailure) {
      guard taken.count < PackageContents.mostFiles, !taken.contains(place),
        let file = try? TargetFolder.openFile(name, in: folder)
      else { return }
      defer { close(file) }
      var status = stat()
      guard fstat(file, &status) == 0, status.st_size <= PackageContents.largestFile else { return }
      let copy = "\(collector.folders.generated)/\(place)"
      try? FileManager.default.createDirectory(
        atPath: (copy as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      try copyOpenFile(file, to: copy, mode: 0o644)
      taken.insert(place)
    }
  }
}
