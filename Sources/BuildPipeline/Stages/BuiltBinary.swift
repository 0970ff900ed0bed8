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
      let source = try openBelowTarget(path)
      defer { close(source) }
      try copyFile(source, to: copy, path: path)
      binaries.append(BuiltBinary(name: name, path: copy))
    }
    return binaries
  }

  /// The path's parts below `/build/target`; nil where it is elsewhere or not in its plain form.
  static func partsBelowTarget(_ path: String) -> [String]? {
    let prefix = "/build/target/"
    guard path.hasPrefix(prefix) else { return nil }
    let parts = path.dropFirst(prefix.count).split(
      separator: "/", omittingEmptySubsequences: false)
    guard parts.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." && !$0.utf8.contains(0) })
    else { return nil }
    return parts.map(String.init)
  }

  /// Opens the file part by part and follows no link, so that nothing outside can be reached.
  private func openBelowTarget(_ path: String) throws(ExecutorFailure) -> Int32 {
    guard let parts = Self.partsBelowTarget(path), let last = parts.last else {
      throw refusal(of: path, "it is not below /build/target")
    }
    var folder = open(folders.target, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { throw refusal(of: path, reason(errno)) }
    for part in parts.dropLast() {
      let next = openat(folder, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
      let code = errno
      close(folder)
      guard next >= 0 else { throw refusal(of: path, "\(part): \(reason(code))") }
      folder = next
    }
    defer { close(folder) }
    // O_NONBLOCK: opening a named pipe must not wait.
    let file = openat(folder, last, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    guard file >= 0 else { throw refusal(of: path, reason(errno)) }
    var status = stat()
    guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(file)
      throw refusal(of: path, "it is not a regular file")
    }
    return file
  }

  private func copyFile(_ source: Int32, to copy: String, path: String) throws(ExecutorFailure) {
    let output = open(copy, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o755)
    guard output >= 0 else {
      throw ExecutorFailure(.infrastructure, "cannot make \(copy): \(reason(errno))")
    }
    defer { close(output) }
    fchmod(output, 0o755)
    while true {
      let count = sendfile(output, source, nil, 1 << 24)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else {
        throw ExecutorFailure(.infrastructure, "cannot copy \(path): \(reason(errno))")
      }
      if count == 0 { return }
    }
  }

  private func reason(_ code: Int32) -> String { String(cString: strerror(code)) }

  private func refusal(of path: String, _ why: String) -> ExecutorFailure {
    ExecutorFailure(.inspection, "Cargo names “\(path)” as a binary, which is refused: \(why)")
  }
}
