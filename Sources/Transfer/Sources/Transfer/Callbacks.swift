import CCurl

// What libcurl calls while a transfer runs, always on the engine's thread. The user data is the
// operation, which the engine keeps alive.

private func operation(_ data: UnsafeMutableRawPointer?) -> Operation? {
  data.map { Unmanaged<Operation>.fromOpaque($0).takeUnretainedValue() }
}

/// A connection is there and the request is about to be sent on it: stalls count from here.
func connected(
  data: UnsafeMutableRawPointer?, _: UnsafeMutablePointer<CChar>?,
  _: UnsafeMutablePointer<CChar>?, _: Int32, _: Int32
) -> Int32 {
  operation(data)?.lastActivity = .now
  return CURL_PREREQFUNC_OK
}

/// One line of a head: the status line, a field or the blank line at the end.
func receiveHeader(
  text: UnsafeMutablePointer<CChar>?, size: Int, count: Int, data: UnsafeMutableRawPointer?
) -> Int {
  guard let operation = operation(data) else { return 0 }
  operation.lastActivity = .now
  let line = String(
    decoding: UnsafeRawBufferPointer(start: text, count: size * count), as: UTF8.self)
  operation.receive(headerLine: line)
  return size * count
}

/// Bytes of the body.
func receiveBody(
  bytes: UnsafeMutablePointer<CChar>?, size: Int, count: Int, data: UnsafeMutableRawPointer?
) -> Int {
  guard let operation = operation(data) else { return 0 }
  operation.lastActivity = .now
  let buffer = UnsafeRawBufferPointer(start: bytes, count: size * count)
  switch operation.sink.receive(buffer, status: operation.status) {
  case .taken: return size * count
  case .pause:
    operation.paused = true
    return Int(CURL_WRITEFUNC_PAUSE)
  case .failed(let kind):
    operation.failure = kind
    return 0
  }
}

/// Wants bytes of the request's body.
func sendBody(
  buffer: UnsafeMutablePointer<CChar>?, size: Int, count: Int, data: UnsafeMutableRawPointer?
) -> Int {
  guard let operation = operation(data), let file = operation.upload, let buffer else {
    return Int(CURL_READFUNC_ABORT)
  }
  operation.lastActivity = .now
  guard let read = file.read(into: buffer, count: size * count) else {
    operation.failure = .other(
      code: 0, message: "cannot read \(file.path): it ended before \(file.size) bytes")
    return Int(CURL_READFUNC_ABORT)
  }
  return read
}

/// Wants to send the body again from a position (a reused connection was closed, or a redirect).
func seekBody(data: UnsafeMutableRawPointer?, offset: curl_off_t, origin: Int32) -> Int32 {
  guard origin == 0, let file = operation(data)?.upload, file.seek(to: Int(offset)) else {
    return CURL_SEEKFUNC_CANTSEEK
  }
  return CURL_SEEKFUNC_OK
}

extension Operation {
  /// Takes one line of a head. At the end of the last head a stream's caller gets its answer.
  func receive(headerLine line: String) {
    if line.hasPrefix("HTTP/") {
      headers = TransferHeaders()
      var code = 0
      if let easy { _ = fc_get_long(easy, CURLINFO_RESPONSE_CODE, &code) }
      status = code
    } else if let field = TransferHeaders.parse(line: line) {
      headers.append(name: field.name, value: field.value)
    } else if case .stream = sink.target, trimmed(line).isEmpty, status >= 200, !willBeFollowed {
      answer(.success(TransferResponse(status: status, headers: headers)))
    }
  }

  /// Whether libcurl goes on to another URL instead of taking this answer.
  private var willBeFollowed: Bool {
    request.followRedirects && [301, 302, 303, 307, 308].contains(status)
      && headers["Location"] != nil
  }
}
