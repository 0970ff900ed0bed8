import Blocking
import Foundation

/// What tells that a directory's recipes were edited, without reading them.
struct DirectorySignature: Sendable, Equatable {
  private struct File: Sendable, Equatable {
    var path: String
    var stamp: FileStamp
  }
  private let files: [File]

  /// Looks at the files of directories, not of those inside them. Blocks on the disk; what cannot be
  /// looked at counts as absent.
  init(of directories: [String]) {
    files = directories.flatMap { directory in
      let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
      return names.sorted().compactMap { name -> File? in
        guard name.hasSuffix(".yaml"), !name.hasPrefix(".") else { return nil }
        let path = "\(directory)/\(name)"
        return FileStamp(path: path).map { File(path: path, stamp: $0) }
      }
    }
  }
}
