import Foundation

/// A request as a ``LocalServer`` reads it; header names in lower case.
struct ServedRequest: Sendable {
  var method = ""
  var path = ""
  var headers: [String: String] = [:]
  var body: [UInt8] = []
}

struct ServedAnswer: Sendable {
  /// The client hears nothing, and the connection is closed.
  static let hangUp = ServedAnswer(status: 0)
  /// The client hears nothing until it closes the connection.
  static let silence = ServedAnswer(status: -1)

  var status = 200
  var headers: [String: String] = [:]
  var body: [UInt8] = []
}

/// A blocking HTTP server on a free port of 127.0.0.1: a thread and one request a connection.
final class LocalServer: Sendable {
  typealias Handler = @Sendable (ServedRequest) -> ServedAnswer

  let port: UInt16
  private let listener: Int32

  init(handler: @escaping Handler) throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(listener, address, length) + listen(listener, 64)
          + getsockname(listener, address, &length)
      }
    }
    guard result == 0 else { throw CocoaError(.fileReadUnknown) }
    self.listener = listener
    port = UInt16(bigEndian: address.sin_port)
    Thread.detachNewThread {
      while case let connection = accept(listener, nil, nil), connection >= 0 {
        _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
        Thread.detachNewThread { Self.serve(connection, handler) }
      }
      close(listener)
    }
  }

  /// Ends the thread that accepts, which closes the listener.
  deinit { shutdown(listener, Int32(SHUT_RDWR)) }

  var url: String { "http://127.0.0.1:\(port)" }

  private static func serve(_ connection: Int32, _ handler: Handler) {
    defer { close(connection) }
    guard let request = read(connection) else { return }
    let answer = handler(request)
    if answer.status == 0 { return }
    if answer.status < 0 {
      var byte: UInt8 = 0
      while recv(connection, &byte, 1, 0) > 0 {}
      return
    }
    var head = "HTTP/1.1 \(answer.status) Status\r\nConnection: close\r\n"
    if answer.status != 304 { head += "Content-Length: \(answer.body.count)\r\n" }
    for (name, value) in answer.headers { head += "\(name): \(value)\r\n" }
    var rest = (Array((head + "\r\n").utf8) + answer.body)[...]
    while !rest.isEmpty {
      let sent = rest.withUnsafeBytes { send(connection, $0.baseAddress, $0.count, 0x4000) }
      guard sent > 0 else { return }
      rest = rest.dropFirst(sent)
    }
  }

  private static func read(_ connection: Int32) -> ServedRequest? {
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 64 << 10)
    let end = Array("\r\n\r\n".utf8)
    while true {
      if let head = bytes.firstRange(of: end) {
        var request = parse(String(decoding: bytes[..<head.lowerBound], as: UTF8.self))
        let length = Int(request.headers["content-length"] ?? "0") ?? 0
        if bytes.count - head.upperBound >= length {
          request.body = Array(bytes[head.upperBound...].prefix(length))
          return request
        }
      }
      let count = recv(connection, &piece, piece.count, 0)
      guard count > 0 else { return nil }
      bytes += piece.prefix(count)
    }
  }

  private static func parse(_ head: String) -> ServedRequest {
    let lines = head.split(separator: "\r\n")
    let words = lines.first?.split(separator: " ") ?? []
    var request = ServedRequest()
    request.method = words.first.map(String.init) ?? ""
    request.path = words.dropFirst().first.map(String.init) ?? ""
    for line in lines.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2 else { continue }
      request.headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
    }
    return request
  }
}
