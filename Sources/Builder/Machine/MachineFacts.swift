import Foundation

/// What the builder's machine has.
public struct MachineFacts: Sendable, Equatable {
  /// Such as `x86_64`.
  public var architecture: String
  public var cores: Int
  public var memoryBytes: Int64
  /// Free bytes where the state directory is.
  public var diskBytes: Int64

  /// Looks at the machine; blocks for a moment. What cannot be found out is 0.
  public init(stateDirectory: String) {
    var names = utsname()
    uname(&names)
    architecture = withUnsafeBytes(of: &names.machine) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    cores = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    let information = FileManager.default.contents(atPath: "/proc/meminfo") ?? Data()
    memoryBytes = Self.memory(in: String(decoding: information, as: UTF8.self))
    var disk = statvfs()
    let answer = statvfs(stateDirectory, &disk)
    diskBytes = answer == 0 ? Int64(disk.f_bavail) * Int64(disk.f_frsize) : 0
  }

  /// The whole memory in the text of `/proc/meminfo`, in bytes.
  static func memory(in text: String) -> Int64 {
    for line in text.split(separator: "\n") where line.hasPrefix("MemTotal:") {
      let words = line.split(separator: " ")
      if words.count >= 2, let kibibytes = Int64(words[1]) { return kibibytes << 10 }
    }
    return 0
  }
}
