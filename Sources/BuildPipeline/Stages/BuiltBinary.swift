import ExecutorKit
import FarmModel
import Glibc

/// A binary that the build has made, copied out of reach of what runs later.
struct BuiltBinary: Sendable, Equatable {
  let name: String
  /// The copy on the host.
  let path: String

  /// Where the environment sees it.
  var environmentPath: String { "/build/binaries/\(name)" }
}

/// Takes over the files that Cargo names. What a build prints and leaves behind is not to be
/// trusted: a build script could name any path, or leave a link to a file of the host.
struct BinaryCollector: Sendable {
  let folders: AttemptFolders

  /// Copies the binaries to the attempt's own folder. Blocks on the disk.
  /// - Throws: ``ExecutorFailure`` of class `inspection` for a name or path that is not acceptable.
  func collect(
    _ found: [(name: String, path: String)]
  ) throws(ExecutorFailure) -> [BuiltBinary] {
    var binaries: [BuiltBinary] = []
    for (name, path) in found where !binaries.contains(where: { $0.name == name }) {
      guard ArtifactName.isSafe(name) else {
        throw refusal(of: path, "the name of the binary is not acceptable in an archive")
      }
      let copy = "\(folders.binaries)/\(name)"
      let source = try open(path)
      defer { close(source) }
      try copyOpenFile(source, to: copy, mode: 0o755)
      binaries.append(BuiltBinary(name: name, path: copy))
    }
    return binaries
  }

  private func open(_ path: String) throws(ExecutorFailure) -> Int32 {
    do throws(TargetFolder.Refusal) {
      return try TargetFolder(path: folders.target).openFile(path)
    } catch { throw refusal(of: path, error.reason) }
  }

  private func refusal(of path: String, _ why: String) -> ExecutorFailure {
    ExecutorFailure(.inspection, "Cargo names “\(path)” as a binary, which is refused: \(why)")
  }
}
