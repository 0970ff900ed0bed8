import NIOCore
import NIOWebSocket

/// Which side of a connection we are.
enum WebSocketRole: Sendable { case client, server }

/// Makes messages out of frames and finds what RFC 6455 forbids; pure.
struct FrameAssembler {
  /// What a frame means.
  enum Step: Equatable {
    /// A fragment, or the answer to a ping.
    case nothing
    case message(WebSocketMessage)
    /// To be answered with a pong of the same payload.
    case ping(ByteBuffer)
    /// The peer closes, or answers our close.
    case closed(WebSocketCloseCode, reason: String)
    /// To be answered with a close frame of this code; nothing after it counts.
    case violation(WebSocketCloseCode, reason: String)
  }

  private let role: WebSocketRole
  private let maximumMessageBytes: Int
  private var partial: (isText: Bool, data: ByteBuffer)?

  init(role: WebSocketRole, maximumMessageBytes: Int) {
    self.role = role
    self.maximumMessageBytes = maximumMessageBytes
  }

  mutating func receive(_ frame: WebSocketFrame) -> Step {
    if let problem = headProblem(frame) { return .violation(.protocolError, reason: problem) }
    let data = frame.unmaskedData
    switch frame.opcode {
    case .ping: return .ping(data)
    case .pong: return .nothing
    case .connectionClose: return Self.close(data)
    case .text, .binary: return begin(isText: frame.opcode == .text, data, isLast: frame.fin)
    case .continuation: return go(on: data, isLast: frame.fin)
    default: return .violation(.protocolError, reason: "an unknown kind of frame")
    }
  }

  private func headProblem(_ frame: WebSocketFrame) -> String? {
    if frame.rsv1 || frame.rsv2 || frame.rsv3 { return "a reserved bit is set" }
    // Section 5.1: clients mask, servers do not. NIO does not check it.
    switch (role, frame.maskKey != nil) {
    case (.server, false): return "a client's frame without a mask"
    case (.client, true): return "a server's frame with a mask"
    default: return nil
    }
  }

  private mutating func begin(isText: Bool, _ data: ByteBuffer, isLast: Bool) -> Step {
    guard partial == nil else {
      return .violation(.protocolError, reason: "a new message inside a fragmented one")
    }
    if isLast { return message(isText: isText, data) }
    partial = (isText, data)
    return .nothing
  }

  private mutating func go(on data: ByteBuffer, isLast: Bool) -> Step {
    guard let begun = partial else {
      return .violation(.protocolError, reason: "a continuation of nothing")
    }
    var whole = begun.data
    guard whole.readableBytes + data.readableBytes <= maximumMessageBytes else {
      return .violation(
        .messageTooLarge, reason: "a message of more than \(maximumMessageBytes) bytes")
    }
    // Our own reference must be gone before the buffer grows, or each fragment copies all before it.
    partial = nil
    whole.writeImmutableBuffer(data)
    if isLast { return message(isText: begun.isText, whole) }
    partial = (begun.isText, whole)
    return .nothing
  }

  private func message(isText: Bool, _ data: ByteBuffer) -> Step {
    guard data.readableBytes <= maximumMessageBytes else {
      return .violation(
        .messageTooLarge, reason: "a message of more than \(maximumMessageBytes) bytes")
    }
    guard isText else { return .message(.binary(Array(data.readableBytesView))) }
    guard let text = String(validating: data.readableBytesView, as: UTF8.self) else {
      return .violation(.invalidData, reason: "a text that is not UTF-8")
    }
    return .message(.text(text))
  }

  private static func close(_ payload: ByteBuffer) -> Step {
    var payload = payload
    guard payload.readableBytes > 0 else { return .closed(.noCode, reason: "") }
    guard let number = payload.readInteger(as: UInt16.self),
      WebSocketCloseCode(rawValue: number).isSendable
    else { return .violation(.protocolError, reason: "a close frame with a bad code") }
    guard let reason = String(validating: payload.readableBytesView, as: UTF8.self) else {
      return .violation(.invalidData, reason: "a close frame whose reason is not UTF-8")
    }
    return .closed(WebSocketCloseCode(rawValue: number), reason: reason)
  }
}
