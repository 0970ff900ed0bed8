import CThreads
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

  /// Threads, open and mapped files that one look takes in: several times what the largest builds have,
  /// and below a second's work. Who has more makes looking slow on purpose.
  public static let mostEntries = 1 << 17

  private let device: dev_t
  private var found: Set<ino_t> = []
  private var bytes: Int64 = 0
  private var left: Int

  /// The bytes of disk of all such files in the place's file system; `Int64.max` where the processes
  /// have more threads and files than so many entries. What ends meanwhile counts as nothing. Blocks.
  public static func bytes(heldAt place: Place, entries: Int = mostEntries) -> Int64 {
    guard let folder = status(of: place.folder) else { return 0 }
    var usage = UnlinkedFiles(device: folder.st_dev, left: entries)
    for process in names(in: "/proc") {
      guard let process = pid_t(process) else { continue }
      let path = "/proc/\(process)"
      guard let seen = status(of: path + "/root" + place.seenAs), seen.st_dev == folder.st_dev,
        seen.st_ino == folder.st_ino
      else { continue }
      usage.add(process)
      guard usage.left >= 0 else { return .max }
    }
    return usage.bytes
  }

  private init(device: dev_t, left: Int) {
    self.device = device
    self.left = left
  }

  /// A thread can have open files of its own (clone(2), CLONE_FILES), but hardly any has: looking at each
  /// one's would take as many times as long as there are threads.
  private mutating func add(_ process: pid_t) {
    let path = "/proc/\(process)"
    add(links: path + "/fd")
    // The process's first thread has none any more where it has ended; then the others share another's.
    var known = process
    for thread in Self.names(in: path + "/task").compactMap({ pid_t($0) })
    where thread != process {
      left -= 1
      guard left >= 0 else { return }
      guard buildsrs_share_open_files(known, thread) == 0,
        buildsrs_share_open_files(process, thread) == 0
      else { continue }
      add(links: "\(path)/task/\(thread)/fd")
      known = thread
    }
    add(links: path + "/map_files")
  }

  private mutating func add(links folder: String) {
    let names = Self.names(in: folder)
    left -= names.count
    guard left >= 0 else { return }
    for name in names {
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
