/// One whole message, its fragments joined.
public enum WebSocketMessage: Sendable, Equatable {
  /// Valid UTF-8: anything else ends the connection with 1007.
  case text(String)
  case binary([UInt8])

  /// Bytes of the payload.
  var size: Int {
    switch self {
    case .text(let text): text.utf8.count
    case .binary(let bytes): bytes.count
    }
  }
}

/// Why a connection is closed (RFC 6455, section 7.4).
public struct WebSocketCloseCode: RawRepresentable, Sendable, Hashable {
  public let rawValue: UInt16
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  public static let normal = WebSocketCloseCode(rawValue: 1000)
  /// The server stops or the client moves on.
  public static let goingAway = WebSocketCloseCode(rawValue: 1001)
  public static let protocolError = WebSocketCloseCode(rawValue: 1002)
  /// What stands for a close frame without a code; it is never sent.
  public static let noCode = WebSocketCloseCode(rawValue: 1005)
  public static let invalidData = WebSocketCloseCode(rawValue: 1007)
  public static let policyViolation = WebSocketCloseCode(rawValue: 1008)
  public static let messageTooLarge = WebSocketCloseCode(rawValue: 1009)
  public static let internalError = WebSocketCloseCode(rawValue: 1011)
  public static let tryAgainLater = WebSocketCloseCode(rawValue: 1013)

  /// Whether the code may stand in a close frame.
  var isSendable: Bool {
    switch rawValue {
    case 1000...1003, 1007...1014, 3000...4999: true
    default: false
    }
  }
}

/// Why there is no connection, or no longer.
public enum WebSocketError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The text is no `ws://host[:port]/path`.
  case badURL(String)
  /// `wss://` and `https://` are not supported yet.
  case tlsNotSupported(url: String)
  case cannotConnect(url: String, reason: String)
  case timedOut(url: String, after: Duration)
  /// The server answered the request with something other than an upgrade; the body's first 4 KiB.
  case refused(url: String, status: Int, body: String)
  /// The peer closed the connection with a code other than 1000, 1001 and none.
  case closed(WebSocketCloseCode, reason: String)
  /// The peer broke the protocol; the connection was closed with this code.
  case violation(WebSocketCloseCode, reason: String)
  /// Nothing came from the peer for this long, not even an answer to pings.
  case silent(Duration)
  /// The connection ended without a close frame.
  case connectionLost
  /// The message to send is larger than either side reads.
  case messageTooLarge(bytes: Int, limit: Int)

  public var description: String {
    switch self {
    case .badURL(let url): "“\(url)” is no WebSocket URL: ws://HOST[:PORT]/PATH is expected"
    case .tlsNotSupported(let url):
      """
      \(url): TLS is not supported yet. Put a TLS-terminating proxy beside this program \
      (stunnel, nginx, socat) and give its plain address, such as 127.0.0.1 with its port.
      """
    case .cannotConnect(let url, let reason): "\(url): cannot connect: \(reason)"
    case .timedOut(let url, let after): "\(url): no connection within \(after)"
    case .refused(let url, let status, let body):
      "\(url): the server answered \(status) instead of a WebSocket"
        + (body.isEmpty ? "" : ": \(body)")
    case .closed(let code, let reason):
      "the other side closed the connection: \(code.rawValue)"
        + (reason.isEmpty ? "" : " (\(reason))")
    case .violation(let code, let reason):
      "the other side broke the WebSocket protocol: \(reason) (closed with \(code.rawValue))"
    case .silent(let duration): "the other side has been silent for \(duration)"
    case .connectionLost: "the connection ended without a close frame"
    case .messageTooLarge(let bytes, let limit):
      "a message of \(bytes) bytes cannot be sent; at most \(limit) are read"
    }
  }
}

/// Limits and times of a connection.
public struct WebSocketConfiguration: Sendable {
  /// The largest message that is sent and read, in bytes; larger ones end the connection with 1009.
  public var maximumMessageBytes: Int
  /// A peer from which nothing comes for so long is given up; a ping is sent after a third of it.
  public var silenceLimit: Duration
  /// How long the peer may take to answer a close frame.
  public var closeTimeout: Duration
  /// How long connecting, or the first request of a server's connection, may take.
  public var openTimeout: Duration
  /// After how long a server closes an HTTP connection without requests.
  public var idleTimeout: Duration

  public init(
    maximumMessageBytes: Int = 1 << 20, silenceLimit: Duration = .seconds(45),
    closeTimeout: Duration = .seconds(2), openTimeout: Duration = .seconds(10),
    idleTimeout: Duration = .seconds(60)
  ) {
    self.maximumMessageBytes = maximumMessageBytes
    self.silenceLimit = silenceLimit
    self.closeTimeout = closeTimeout
    self.openTimeout = openTimeout
    self.idleTimeout = idleTimeout
  }
}
