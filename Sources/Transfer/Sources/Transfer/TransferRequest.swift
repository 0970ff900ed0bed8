/// One HTTP request.
public struct TransferRequest: Sendable {
  /// What is sent after the head.
  public enum Body: Sendable {
    /// Nothing.
    case none
    /// These bytes.
    case bytes([UInt8])
    /// A regular file, streamed; its size at the start of the request is the `Content-Length`.
    case file(path: String)
  }

  /// The method, `GET` for example.
  public var method: String
  /// The `http` or `https` URL, percent-encoded. With a Unix socket its host is only the `Host` header.
  public var url: String
  /// Header fields besides those that HTTP itself needs.
  public var headers: TransferHeaders
  /// The body.
  public var body: Body
  /// The path of a Unix socket to connect to, instead of the URL's host.
  public var unixSocket: String?
  /// The longest time for the whole request; nil: no bound.
  public var timeout: Duration?
  /// The longest time on a connection in which no byte moves; nil: no bound.
  ///
  /// The time in which the reader of a stream takes nothing does not count.
  public var stallTimeout: Duration?
  /// Whether redirects are followed, at most 5 and only to http and https; else they are answers.
  ///
  /// `Authorization` is not sent on to another host.
  public var followRedirects: Bool
  /// Whether a connection is made for it, rather than one used that is open.
  ///
  /// Where an open connection ends before a byte of the answer has come, libcurl sends the request once
  /// more by itself, although the server may have it already. With this it fails.
  public var usesFreshConnection = false
  /// The largest body, in bytes, that `perform` and `download` accept. Streams have no bound.
  public var responseLimit: Int

  /// Creates a request; `followRedirects` is true for `GET` and `HEAD` when it is not given.
  public init(
    method: String = "GET", url: String, headers: TransferHeaders = [:], body: Body = .none,
    unixSocket: String? = nil, timeout: Duration? = nil, stallTimeout: Duration? = nil,
    followRedirects: Bool? = nil, responseLimit: Int = 16 << 20
  ) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
    self.unixSocket = unixSocket
    self.timeout = timeout
    self.stallTimeout = stallTimeout
    self.followRedirects = followRedirects ?? (method == "GET" || method == "HEAD")
    self.responseLimit = responseLimit
  }
}

extension TransferRequest {
  /// Why the request cannot be sent as it is, or nil.
  var problem: String? {
    if method.isEmpty || !method.utf8.allSatisfy({ isLetter($0) }) {
      return "the method must consist of letters"
    }
    if url.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F }) {
      return "the URL contains a blank or a control character; percent-encode it"
    }
    if let name = headers.firstInvalidName {
      return "header '\(name)' contains a line break or another character that is not allowed"
    }
    if unixSocket?.utf8.contains(0) == true { return "the socket path contains a NUL" }
    return nil
  }

  private func isLetter(_ byte: UInt8) -> Bool {
    (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
  }
}
