import Glibc

/// How much room files take that have no name any more and that processes still hold, open or mapped:
/// no walk through folders finds them (proc(5)).
///
/// What is on its way between two processes, in a socket's buffer, is not seen, nor, by a user who is
/// not root, what is mapped only.
public struct UnlinkedFiles {
  /// A folder of the host, and the path by which the processes in question know it. They are told from
  /// others by that: whoever sees the folder there is one of them.
  public struct Place: Sendable {
    let folder: String
    let seenAs: String

    public init(folder: String, seenAs: String) {
      self.folder = folder
      self.seenAs = seenAs
    }
  }

  private let device: dev_t
  private var found: Set<ino_t> = []
  private var bytes: Int64 = 0

  /// The bytes of disk of all such files in the place's file system. What ends meanwhile counts as
  /// nothing. Blocks.
  public static func bytes(heldAt place: Place) -> Int64 {
    guard let folder = status(of: place.folder) else { return 0 }
    var usage = UnlinkedFiles(device: folder.st_dev)
    for process in names(in: "/proc") where process.utf8.allSatisfy({ (48...57).contains($0) }) {
      let path = "/proc/\(process)"
      guard let seen = status(of: path + "/root" + place.seenAs), seen.st_dev == folder.st_dev,
        seen.st_ino == folder.st_ino
      else { continue }
      usage.add(process: path)
    }
    return usage.bytes
  }

  private init(device: dev_t) { self.device = device }

  /// Every thread may have open files of its own (clone(2), CLONE_FILES).
  private mutating func add(process: String) {
    for thread in Self.names(in: process + "/task") {
      add(links: "\(process)/task/\(thread)/fd")
    }
    add(links: process + "/map_files")
  }

  private mutating func add(links folder: String) {
    for name in Self.names(in: folder) {
      guard let file = Self.status(of: "\(folder)/\(name)"), file.st_nlink == 0,
        file.st_dev == device, file.st_mode & S_IFMT == S_IFREG,
        found.insert(file.st_ino).inserted
      else { continue }
      bytes += Int64(file.st_blocks) * 512
    }
  }

  private static func status(of path: String) -> stat? {
    var status = stat()
    return stat(path, &status) == 0 ? status : nil
  }

  private static func names(in folder: String) -> [String] {
    guard let stream = opendir(folder) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names
  }
}
