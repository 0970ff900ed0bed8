import Dispatch
import Foundation
import Glibc

/// A request as a `LocalServer` reads it; header names in lower case.
struct ServedRequest: Sendable {
  var method = ""
  var target = ""
  var headers: [String: String] = [:]
  var body: [UInt8] = []
}

/// A blocking HTTP/1.1 server on a free port of 127.0.0.1 or on a Unix socket, a thread a connection.
///
/// `@unchecked Sendable`: `open` and `isListening` are touched only under `lock`; all else never
/// changes.
final class LocalServer: @unchecked Sendable {
  typealias Handler = @Sendable (ServedRequest, ServerConnection) -> Void

  let port: UInt16
  private let listener: Int32
  private let handler: Handler
  private let lock = DispatchSemaphore(value: 1)
  private var open: Set<Int32> = []
  private var isListening = true

  init(unixSocket: String? = nil, handler: @escaping Handler) throws {
    self.handler = handler
    (listener, port) = try unixSocket.map { (try Self.listen(unix: $0), 0) } ?? Self.listen()
    let accepting = Thread { [self] in acceptAll() }
    accepting.start()
  }

  var url: String { "http://127.0.0.1:\(port)" }

  /// Closes the listener and every connection; may be called again.
  func stop() {
    lock.wait()
    defer { lock.signal() }
    // Once it is closed, the number may be a socket of somebody else.
    if isListening { shutdown(listener, Int32(SHUT_RDWR)) }
    for descriptor in open { shutdown(descriptor, Int32(SHUT_RDWR)) }
  }

  private func acceptAll() {
    while true {
      let descriptor = accept(listener, nil, nil)
      guard descriptor >= 0 else { break }
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
      lock.wait()
      open.insert(descriptor)
      lock.signal()
      Thread { [self] in serve(descriptor) }.start()
    }
    lock.wait()
    isListening = false
    close(listener)
    lock.signal()
  }

  private func serve(_ descriptor: Int32) {
    let connection = ServerConnection(descriptor: descriptor)
    while let request = connection.read() {
      handler(request, connection)
      if connection.isEnded { break }
    }
    lock.wait()
    open.remove(descriptor)
    lock.signal()
    close(descriptor)
  }

  private static func listen() throws -> (Int32, UInt16) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    try withUnsafeMutablePointer(to: &address) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        try check(bind(descriptor, address, length))
        try check(Glibc.listen(descriptor, 64))
        try check(getsockname(descriptor, address, &length))
      }
    }
    return (descriptor, UInt16(bigEndian: address.sin_port))
  }

  private static func listen(unix path: String) throws -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    let length = socklen_t(MemoryLayout<sockaddr_un>.size)
    try withUnsafePointer(to: &address) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        try check(bind(descriptor, address, length))
        try check(Glibc.listen(descriptor, 64))
      }
    }
    return descriptor
  }

  private static func check(_ result: Int32) throws {
    if result < 0 { throw ServerProblem(text: String(cString: strerror(errno))) }
  }
}

struct ServerProblem: Error { let text: String }

/// One connection, used by its thread only.
final class ServerConnection {
  let descriptor: Int32
  private(set) var isEnded = false
  private var buffer: [UInt8] = []

  init(descriptor: Int32) { self.descriptor = descriptor }

  /// Sends a whole answer with its length.
  func answer(_ status: Int, headers: [String: String] = [:], _ body: [UInt8] = []) {
    var head = "HTTP/1.1 \(status) Status\r\nContent-Length: \(body.count)\r\n"
    for (name, value) in headers { head += "\(name): \(value)\r\n" }
    _ = send(Array((head + "\r\n").utf8) + body)
  }

  func answer(_ status: Int, headers: [String: String] = [:], _ body: String) {
    answer(status, headers: headers, Array(body.utf8))
  }

  /// Sends raw bytes; returns false when the client has gone or does not read.
  func send(_ bytes: [UInt8]) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      let sent = rest.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard sent > 0 else { return false }
      rest = rest.dropFirst(sent)
    }
    return true
  }

  func send(_ text: String) -> Bool { send(Array(text.utf8)) }

  /// Closes the connection after the handler.
  func end() { isEnded = true }

  /// Blocks until the client closes the connection.
  func waitForClose() {
    var byte: UInt8 = 0
    while recv(descriptor, &byte, 1, 0) > 0 {}
    end()
  }

  func read() -> ServedRequest? {
    let separator = Array("\r\n\r\n".utf8)
    var end = buffer.firstRange(of: separator)
    while end == nil {
      guard readMore() else { return nil }
      end = buffer.firstRange(of: separator)
    }
    guard let end else { return nil }
    var request = Self.parse(String(decoding: buffer[..<end.lowerBound], as: UTF8.self))
    buffer.removeSubrange(..<end.upperBound)
    let length = request.headers["content-length"].flatMap { Int($0) } ?? 0
    while buffer.count < length { if !readMore() { return nil } }
    request.body = Array(buffer.prefix(length))
    buffer.removeFirst(length)
    return request
  }

  private func readMore() -> Bool {
    var chunk = [UInt8](repeating: 0, count: 65536)
    let count = recv(descriptor, &chunk, chunk.count, 0)
    if count > 0 { buffer += chunk[..<count] }
    return count > 0
  }

  private static func parse(_ head: String) -> ServedRequest {
    var lines = head.split(separator: "\r\n")
    var request = ServedRequest()
    let first = lines.isEmpty ? [] : lines.removeFirst().split(separator: " ")
    if first.count >= 2 { (request.method, request.target) = (String(first[0]), String(first[1])) }
    for line in lines {
      guard let colon = line.firstIndex(of: ":") else { continue }
      let value = line[line.index(after: colon)...].drop { $0 == " " }
      request.headers[line[..<colon].lowercased()] = String(value)
    }
    return request
  }
}
