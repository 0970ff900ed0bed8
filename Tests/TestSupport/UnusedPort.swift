import Glibc

/// A port of 127.0.0.1 on which nobody listens, and which nobody else gets while this lives: it is
/// bound, but not listened on, so that connections are refused.
public final class UnusedPort: Sendable {
  /// The port.
  public let number: UInt16
  private let descriptor: Int32

  /// Takes any free port; `POSIXFailure` where there is none.
  public init() throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(descriptor, address, length) == 0 && getsockname(descriptor, address, &length) == 0
      }
    }
    guard isBound else {
      let failure = POSIXFailure(code: errno)
      close(descriptor)
      throw failure
    }
    number = UInt16(bigEndian: address.sin_port)
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }
}

/// A failed system call of a test helper.
public struct POSIXFailure: Error, CustomStringConvertible {
  let code: Int32

  public var description: String { String(cString: strerror(code)) }
}
