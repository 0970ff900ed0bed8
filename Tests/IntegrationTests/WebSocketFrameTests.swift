import NIOCore
import Testing
import WebSockets

/// Frames by hand (RFC 6455, section 5.2).
enum BadFrames {
  static func request(_ path: String) -> [UInt8] {
    Array(
      """
      GET \(path) HTTP/1.1\r
      Host: localhost\r
      Connection: Upgrade\r
      Upgrade: websocket\r
      Sec-WebSocket-Version: 13\r
      Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r
      \r

      """.utf8)
  }

  /// A frame with the mask 0, which leaves the payload as it is.
  static func masked(_ firstByte: UInt8, _ payload: [UInt8]) -> [UInt8] {
    [firstByte, 0x80 | UInt8(payload.count), 0, 0, 0, 0] + payload
  }

  /// The head of a text frame that announces so many bytes.
  static func announcing(_ length: UInt64) -> [UInt8] {
    [0x81, 0xFF] + withUnsafeBytes(of: length.bigEndian) { Array($0) } + [0, 0, 0, 0]
  }

  /// The code in the close frame that an answer ends with; nil: there is none.
  static func closeCode(_ answer: [UInt8]) -> UInt16? {
    guard let end = answer.firstRange(of: Array("\r\n\r\n".utf8))?.upperBound else { return nil }
    var frames = answer[end...]
    while frames.count >= 2 {
      let length = Int(frames[frames.startIndex + 1])
      let payload = frames.dropFirst(2).prefix(length)
      if frames.first == 0x88, payload.count >= 2 {
        return UInt16(payload[payload.startIndex]) << 8 | UInt16(payload[payload.startIndex + 1])
      }
      frames = frames.dropFirst(2 + length)
    }
    return nil
  }
}

@Suite("frames that no client may send", .timeLimit(.minutes(2)))
struct WebSocketFrameTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var bytes: [UInt8]
    var code: UInt16
  }

  static let cases: [Case] = [
    Case(testDescription: "without a mask", bytes: [0x81, 2, 104, 105], code: 1002),
    Case(testDescription: "too large", bytes: BadFrames.announcing(1_048_577), code: 1009),
    Case(
      testDescription: "too large for any machine", bytes: BadFrames.announcing(.max), code: 1009),
    Case(testDescription: "no UTF-8", bytes: BadFrames.masked(0x81, [0xC3, 0x28]), code: 1007),
    Case(
      testDescription: "UTF-8 cut short by the end of the message",
      bytes: BadFrames.masked(0x01, [0xC3]) + BadFrames.masked(0x80, []), code: 1007),
    Case(testDescription: "reserved bit", bytes: BadFrames.masked(0xC1, [104]), code: 1002),
    Case(testDescription: "unknown opcode", bytes: BadFrames.masked(0x83, []), code: 1002),
    Case(testDescription: "continuation of nothing", bytes: BadFrames.masked(0x80, []), code: 1002),
    Case(
      testDescription: "message inside a message",
      bytes: BadFrames.masked(0x01, [104]) + BadFrames.masked(0x81, [105]), code: 1002),
    Case(testDescription: "fragmented ping", bytes: BadFrames.masked(0x09, []), code: 1002),
    Case(testDescription: "close with half a code", bytes: BadFrames.masked(0x88, [3]), code: 1002),
    Case(
      testDescription: "close with a forbidden code", bytes: BadFrames.masked(0x88, [3, 237]),
      code: 1002),
    Case(
      testDescription: "a peaceful close", bytes: BadFrames.masked(0x88, [3, 232]), code: 1000),
  ]

  @Test("are answered with the code that RFC 6455 names", arguments: cases)
  func badFrame(_ bad: Case) async throws {
    try await withLocalServer(decide: WebSocketTests.echo) { server in
      let answer = try await withRawConnection(port: server.port) { connection in
        try await connection.send(BadFrames.request("/echo") + bad.bytes)
        return try await connection.readToEnd()
      }
      #expect(BadFrames.closeCode(answer) == bad.code)
    }
  }

  @Test("fragments too many for one message end with 1009")
  func fragments() async throws {
    let configuration = WebSocketConfiguration(maximumMessageBytes: 200)
    try await withLocalServer(configuration: configuration, decide: WebSocketTests.echo) { server in
      let answer = try await withRawConnection(port: server.port) { connection in
        let piece = [UInt8](repeating: 104, count: 120)
        try await connection.send(
          BadFrames.request("/echo") + BadFrames.masked(0x01, piece) + BadFrames.masked(0x80, piece)
        )
        return try await connection.readToEnd()
      }
      #expect(BadFrames.closeCode(answer) == 1009)
    }
  }

  @Test("fragments are joined and a ping between them is answered")
  func joined() async throws {
    try await withLocalServer(decide: WebSocketTests.echo) { server in
      let answer = try await withRawConnection(port: server.port) { connection in
        try await connection.send(
          BadFrames.request("/echo") + BadFrames.masked(0x01, [0xC3])
            + BadFrames.masked(0x89, [1, 2]) + BadFrames.masked(0x80, [0xBC])
            + BadFrames.masked(0x88, [3, 232]))
        return try await connection.readToEnd()
      }
      #expect(answer.firstRange(of: [0x8A, 2, 1, 2]) != nil)
      #expect(BadFrames.closeCode(answer) == 1000)
    }
  }

  @Test("an upgrade request that lacks a field is plain HTTP")
  func halfUpgrade() async throws {
    try await withLocalServer(decide: WebSocketTests.echo) { server in
      for missing in ["Sec-WebSocket-Key", "Sec-WebSocket-Version", "Connection"] {
        let whole = String(decoding: BadFrames.request("/echo"), as: UTF8.self)
        let request = whole.replacing(missing, with: "X-\(missing)")
        let answer = try await withRawConnection(port: server.port) { connection in
          try await connection.send(Array(request.utf8))
          return try await connection.readToEnd()
        }
        #expect(String(decoding: answer, as: UTF8.self).hasPrefix("HTTP/1.1 404 "))
      }
    }
  }
}
