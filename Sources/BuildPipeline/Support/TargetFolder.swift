import ExecutorKit
import Glibc

/// The host's side of `/build/target`, which a build has filled: whatever lies there is opened part by
/// part and without following a link, so that nothing outside can be reached.
struct TargetFolder: Sendable {
  /// The folder on the host.
  let path: String

  /// Why something was not opened.
  struct Refusal: Error { let reason: String }

  /// The path's parts below `/build/target`; nil where it is elsewhere or not in its plain form.
  static func parts(of path: String) -> [String]? {
    let prefix = "/build/target/"
    guard path.hasPrefix(prefix) else { return nil }
    let parts = path.dropFirst(prefix.count).split(
      separator: "/", omittingEmptySubsequences: false)
    guard parts.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." && !$0.utf8.contains(0) })
    else { return nil }
    return parts.map(String.init)
  }

  /// Opens a regular file by the environment's path; the caller closes it.
  func openFile(_ path: String) throws(Refusal) -> Int32 {
    guard let parts = Self.parts(of: path), let last = parts.last else {
      throw Refusal(reason: "it is not below /build/target")
    }
    let folder = try openFolder(parts.dropLast())
    defer { close(folder) }
    return try Self.openFile(last, in: folder)
  }

  /// Opens a folder by the environment's path; the caller closes it.
  func openFolder(_ path: String) throws(Refusal) -> Int32 {
    guard let parts = Self.parts(of: path) else {
      throw Refusal(reason: "it is not below /build/target")
    }
    return try openFolder(parts[...])
  }

  private func openFolder(_ parts: ArraySlice<String>) throws(Refusal) -> Int32 {
    var folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { throw Refusal(reason: Self.reason(errno)) }
    for part in parts {
      let next = Self.openFolder(part, in: folder)
      let code = errno
      close(folder)
      guard next >= 0 else { throw Refusal(reason: "\(part): \(Self.reason(code))") }
      folder = next
    }
    return folder
  }

  /// Opens a folder in an open one; negative, with `errno`, where that fails.
  static func openFolder(_ name: String, in folder: Int32) -> Int32 {
    openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
  }

  /// Opens a regular file in an open folder.
  static func openFile(_ name: String, in folder: Int32) throws(Refusal) -> Int32 {
    // O_NONBLOCK: opening a named pipe must not wait.
    let file = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    guard file >= 0 else { throw Refusal(reason: reason(errno)) }
    var status = stat()
    guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(file)
      throw Refusal(reason: "it is not a regular file")
    }
    return file
  }

  private static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }
}

/// Copies an open file to a new one of this mode.
/// - Throws: ``ExecutorFailure`` of class `infrastructure`.
func copyOpenFile(_ source: Int32, to copy: String, mode: mode_t) throws(ExecutorFailure) {
  func failure() -> ExecutorFailure {
    ExecutorFailure(.infrastructure, "cannot make \(copy): \(String(cString: strerror(errno)))")
  }
  let output = open(copy, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
  guard output >= 0 else { throw failure() }
  defer { close(output) }
  guard fchmod(output, mode) == 0 else { throw failure() }
  while true {
    let count = sendfile(output, source, nil, 1 << 24)
    if count < 0 && errno == EINTR { continue }
    guard count >= 0 else { throw failure() }
    if count == 0 { return }
  }
}
