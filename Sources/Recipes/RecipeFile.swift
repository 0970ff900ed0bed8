import Foundation

/// Reads one file of a directory of targets or recipes: a regular one, which lies in the directory
/// whatever links lead to it. Whoever may propose a recipe could else make a program read, and show in
/// an excerpt, what only the program may see.
enum RecipeFile {
  /// Why a file is not read.
  enum Refusal: Error, Equatable {
    case notRegular(String)
    case outside
    case system(Errno)
  }

  /// An error number of the system.
  struct Errno: Equatable {
    var number: Int32
    var text: String { String(cString: strerror(number)) }
  }

  /// The bytes of a file, at most one more than ``SourceText/maximumBytes``: enough for the reader to
  /// refuse it. Blocks on the disk, but on nothing else: no pipe is waited for.
  ///
  /// - Parameter directory: where it must lie, by the path without links that ``resolved(_:)`` gives.
  static func read(_ path: String, in directory: String) throws(Refusal) -> [UInt8] {
    // Without O_NONBLOCK the opening of a pipe waits for a writer.
    let file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
    guard file >= 0 else { throw .system(Errno(number: errno)) }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0 else { throw .system(Errno(number: errno)) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .notRegular(kind(status.st_mode)) }
    guard try isWithin(file, directory) else { throw .outside }
    return try contents(of: file)
  }

  /// Whether what is open lies in a directory, by the kernel's word: a path may name something else by
  /// now.
  private static func isWithin(_ file: Int32, _ directory: String) throws(Refusal) -> Bool {
    try resolved("/proc/self/fd/\(file)")
      .hasPrefix(directory.hasSuffix("/") ? directory : directory + "/")
  }

  /// A path without links and dots.
  static func resolved(_ path: String) throws(Refusal) -> String {
    guard let resolved = realpath(path, nil) else { throw .system(Errno(number: errno)) }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  private static func contents(of file: Int32) throws(Refusal) -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while bytes.count <= SourceText.maximumBytes {
      let wanted = min(buffer.count, SourceText.maximumBytes + 1 - bytes.count)
      let count = Glibc.read(file, &buffer, wanted)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw .system(Errno(number: errno)) }
      guard count > 0 else { break }
      bytes += buffer.prefix(count)
    }
    return bytes
  }

  private static func kind(_ mode: mode_t) -> String {
    switch mode & S_IFMT {
    case S_IFDIR: "a directory"
    case S_IFIFO: "a pipe"
    case S_IFSOCK: "a socket"
    case S_IFCHR, S_IFBLK: "a device"
    default: "no file"
    }
  }
}

extension RecipeFile.Refusal {
  /// What is wrong, behind “the file cannot be read: ”.
  var reason: String {
    switch self {
    case .notRegular(let kind): "it is \(kind)"
    case .outside: "a link leads out of the directory"
    case .system(let error): error.text
    }
  }

  /// What would be right; nil: the reason says it.
  var expected: String? {
    switch self {
    case .notRegular: "a regular file"
    case .outside: "a file in the directory, or a link to one"
    case .system: nil
    }
  }
}
