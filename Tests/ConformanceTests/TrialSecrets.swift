import Foundation
import Subprocess

/// Names of what one run of the suite makes: whatever is left of it is found by them.
enum TrialNames {
  static let prefix = "buildsrs-conformance-"
  /// 8 hexadecimal digits of this run.
  static let run = String(format: "%08x", UInt32.random(in: 0...UInt32.max))
  private static let counter = TrialCounter()

  /// The next trial's owner: 16 hexadecimal digits, as a builder has.
  static func next() -> String { run + String(format: "%08x", counter.next()) }
}

/// `@unchecked Sendable`: `count` is touched only with `lock` held.
private final class TrialCounter: @unchecked Sendable {
  private let lock = NSLock()
  private var count: UInt32 = 0

  func next() -> UInt32 {
    lock.withLock {
      count += 1
      return count
    }
  }
}

/// What a host has that no build may see: a variable, files, a listener.
struct TrialSecrets: Sendable {
  private let secret = "s3cret-" + String(UInt64.random(in: 0...UInt64.max), radix: 16)
  private let files: [String]
  private let socket: AbstractListener

  /// - Parameter folder: the trial's own.
  init(owner: String, folder: String) throws {
    files = [
      "\(NSHomeDirectory())/.\(TrialNames.prefix)\(owner)", "\(folder)/state/builder.key",
      "\(folder)/tmp-file",
    ]
    socket = try AbstractListener(name: TrialNames.prefix + owner)
    for file in files {
      let isMade = FileManager.default.createFile(
        atPath: file, contents: Data(secret.utf8), attributes: [.posixPermissions: 0o644])
      guard isMade else { throw Lacking("cannot write \(file)") }
    }
  }

  func remove() {
    socket.stop()
    for file in files { try? FileManager.default.removeItem(atPath: file) }
  }

  /// Variables of the executor host's own.
  var variables: [Environment.Key: String] { ["BUILDSRS_CONFORMANCE_TOKEN": secret] }

  /// What the hostile crates are told, so that they know what to look for.
  func hints(port: UInt16) -> [String: String] {
    let namespaces = ["pid", "net", "mnt", "ipc"].map { kind in
      (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/\(kind)"))
        ?? "\(kind):unknown"
    }
    return [
      "CONFORMANCE_REVERSED": String(secret.reversed()),
      "CONFORMANCE_FILES": files.joined(separator: ":"),
      "CONFORMANCE_NAMESPACES": namespaces.joined(separator: ","),
      "CONFORMANCE_PORT": String(port), "CONFORMANCE_SOCKET": socket.name,
    ]
  }
}

/// A listener in the abstract name space of Unix sockets, which only a network namespace of one's
/// own hides.
final class AbstractListener: Sendable {
  let name: String
  private let descriptor: Int32

  init(name: String) throws {
    self.name = name
    descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    // A NUL before the name makes it abstract (unix(7)); the length ends it.
    let bytes = [0] + Array(name.utf8)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
    let isListening = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(descriptor, address, length) == 0 && listen(descriptor, 8) == 0
      }
    }
    guard isListening else {
      let reason = String(cString: strerror(errno))
      close(descriptor)
      throw Lacking("cannot listen at the abstract name \(name): \(reason)")
    }
  }

  func stop() { close(descriptor) }
}
