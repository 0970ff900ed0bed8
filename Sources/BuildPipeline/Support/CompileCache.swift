import Blocking
import ExecutorKit
import Foundation

/// A compile cache (sccache) that all builds of one trust domain share.
///
/// Every build of the domain reads what any other has written: one that is hostile can leave wrong
/// objects for the others. sccache's keys cover the compiler, its arguments, its inputs and the
/// variables that Cargo sets, but not what a procedural macro reads besides. So a builder offers none
/// by default, and what was built with one says so.
public struct CompileCache: Codable, Sendable, Equatable {
  /// The `sccache` program on the host; it must run in the environment.
  public var program: String
  /// The trust domain's directory on the host, as an operator has named it; it stays as it is.
  public var directory: String

  public init(program: String, directory: String) {
    self.program = program
    self.directory = directory
  }

  /// What builds see and write of the directory: a folder that the builder makes, for it becomes theirs.
  var objects: String { directory + "/sccache" }

  /// Bytes that sccache keeps; it removes the oldest itself. A build that leaves more than this and its
  /// own disk limit has not used sccache for it, and fails.
  static let largest: Int64 = 10 << 30

  /// What the build's record tells of it.
  static let fact = (name: "compile cache", value: "sccache, shared within a trust domain")

  private static let tools = "/build/tools"
  private static let place = "/build/compile-cache"

  /// Rust's compiler is called through the cache, whose server lives as long as the build's command.
  var variables: [String: String] {
    [
      "RUSTC_WRAPPER": Self.tools + "/sccache", "SCCACHE_DIR": Self.place,
      "SCCACHE_CACHE_SIZE": String(Self.largest), "SCCACHE_IDLE_TIMEOUT": "0",
    ]
  }

  func mounts(tools: String) -> [Mount] {
    [
      Mount(source: tools, destination: Self.tools, isWritable: false),
      Mount(source: objects, destination: Self.place, isWritable: true),
    ]
  }

  /// The bytes of disk that it has now. Blocks.
  var bytes: Int64 { DiskUsage.bytes(under: [objects]) }

  /// Measures before a build what others have left, of which the build has no fault. Blocks.
  /// - Parameter diskLimit: bytes by which a build may fill it beyond what sccache keeps.
  /// - Throws: ``ExecutorFailure`` of class `infrastructure` where it is too full.
  func bytesBefore(diskLimit: Int64) throws(ExecutorFailure) -> Int64 {
    let bytes = bytes
    guard bytes <= Self.largest + diskLimit else {
      throw ExecutorFailure(
        .infrastructure,
        "the compile cache \(objects) has more than sccache keeps (\(Self.largest) bytes): a build"
          + " has filled it, so remove that directory")
    }
    return bytes
  }

  /// Makes the directory and puts the program where it can be mounted. Blocks on the disk.
  func lay(into tools: String) throws(ExecutorFailure) {
    try makeFolders([tools, objects])
    do {
      try FileManager.default.copyItem(
        at: URL(filePath: program).resolvingSymlinksInPath(),
        to: URL(filePath: tools + "/sccache"))
    } catch {
      throw ExecutorFailure(
        .infrastructure, "the compile cache's program \(program) cannot be read: \(error)")
    }
  }
}
