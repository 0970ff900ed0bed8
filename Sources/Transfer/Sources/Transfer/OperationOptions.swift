import CCurl
import Glibc

/// Sets options of a libcurl handle and remembers the first that was refused.
struct EasyOptions {
  let handle: UnsafeMutableRawPointer
  private(set) var result = CURLE_OK

  init(_ handle: UnsafeMutableRawPointer) { self.handle = handle }

  mutating func set(_ option: CURLoption, _ value: String) {
    note(fc_set_str(handle, option, value))
  }

  mutating func set(_ option: CURLoption, _ value: Int) {
    note(fc_set_long(handle, option, value))
  }

  mutating func set(_ option: CURLoption, large value: Int) {
    note(fc_set_off(handle, option, curl_off_t(value)))
  }

  mutating func set(_ option: CURLoption, pointer: UnsafeMutableRawPointer?) {
    note(fc_set_ptr(handle, option, pointer))
  }

  mutating func set(_ option: CURLoption, callback: @escaping curl_write_callback) {
    note(fc_set_data_cb(handle, option, callback))
  }

  mutating func note(_ code: CURLcode) {
    if result == CURLE_OK { result = code }
  }
}

extension Operation {
  /// Makes the libcurl handle of this request; returns why it cannot be made.
  func prepare(_ configuration: TransferConfiguration) -> TransferError.Kind? {
    if let problem = request.problem { return .other(code: 0, message: problem) }
    guard let handle = curl_easy_init() else {
      return .other(code: 2, message: "libcurl cannot make a handle")
    }
    easy = handle
    var options = EasyOptions(handle)
    setTarget(&options, configuration)
    setCallbacks(&options)
    if let failure = setBody(&options) { return failure }
    setHeaders(&options)
    return kind(of: options.result)
  }

  private func setTarget(_ options: inout EasyOptions, _ configuration: TransferConfiguration) {
    options.set(CURLOPT_ERRORBUFFER, pointer: errorText)
    options.set(CURLOPT_URL, request.url)
    options.set(CURLOPT_PROTOCOLS_STR, "http,https")
    options.set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https")
    options.set(CURLOPT_FOLLOWLOCATION, request.followRedirects ? 1 : 0)
    options.set(CURLOPT_MAXREDIRS, 5)
    options.set(CURLOPT_NOSIGNAL, 1)
    options.set(CURLOPT_TCP_KEEPALIVE, 1)
    options.set(CURLOPT_BUFFERSIZE, 128 << 10)
    options.set(CURLOPT_USERAGENT, configuration.userAgent)
    options.set(CURLOPT_PIPEWAIT, configuration.prefersMultiplexing ? 1 : 0)
    options.set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(configuration.connectTimeout))
    if request.usesFreshConnection { options.set(CURLOPT_FRESH_CONNECT, 1) }
    if let timeout = request.timeout { options.set(CURLOPT_TIMEOUT_MS, milliseconds(timeout)) }
    if let socket = request.unixSocket { options.set(CURLOPT_UNIX_SOCKET_PATH, socket) }
    setMethod(&options)
  }

  private func setMethod(_ options: inout EasyOptions) {
    var limited = true
    if case .stream = sink.target { limited = false }
    switch request.method {
    case "GET": options.set(CURLOPT_HTTPGET, 1)
    case "HEAD":
      options.set(CURLOPT_NOBODY, 1)
      limited = false
    default: options.set(CURLOPT_CUSTOMREQUEST, request.method)
    }
    if limited { options.set(CURLOPT_MAXFILESIZE_LARGE, large: request.responseLimit) }
  }

  private func setCallbacks(_ options: inout EasyOptions) {
    // The engine keeps the operation for as long as libcurl has the handle.
    let me = Unmanaged.passUnretained(self).toOpaque()
    let data = [
      CURLOPT_HEADERDATA, CURLOPT_WRITEDATA, CURLOPT_READDATA, CURLOPT_SEEKDATA, CURLOPT_PREREQDATA,
    ]
    for option in data { options.set(option, pointer: me) }
    options.set(CURLOPT_HEADERFUNCTION, callback: receiveHeader)
    options.set(CURLOPT_WRITEFUNCTION, callback: receiveBody)
    options.set(CURLOPT_READFUNCTION, callback: sendBody)
    options.note(fc_set_seek_cb(options.handle, seekBody))
    options.note(fc_set_prereq_cb(options.handle, connected))
    options.note(fc_close_sockets_on_exec(options.handle))
  }

  private func setBody(_ options: inout EasyOptions) -> TransferError.Kind? {
    switch request.body {
    case .none:
      // Without it libcurl sends no Content-Length, and a server may wait for a body.
      if ["POST", "PUT", "PATCH"].contains(request.method) { setBody(&options, bytes: []) }
    case .bytes(let bytes): setBody(&options, bytes: bytes)
    case .file(let path):
      guard let file = UploadFile(path: path) else { return systemFailure("read", path) }
      upload = file
      options.set(CURLOPT_UPLOAD, 1)
      options.set(CURLOPT_CUSTOMREQUEST, request.method)
      options.set(CURLOPT_INFILESIZE_LARGE, large: file.size)
    }
    return nil
  }

  private func setBody(_ options: inout EasyOptions, bytes: [UInt8]) {
    options.set(CURLOPT_POSTFIELDSIZE_LARGE, large: bytes.count)
    // libcurl takes a null pointer for "no body", also where the size is 0.
    (bytes.isEmpty ? [0] : bytes).withUnsafeBytes { buffer in
      options.set(
        CURLOPT_COPYPOSTFIELDS, pointer: UnsafeMutableRawPointer(mutating: buffer.baseAddress))
    }
    options.set(CURLOPT_CUSTOMREQUEST, request.method)
  }

  private func setHeaders(_ options: inout EasyOptions) {
    // libcurl's own defaults are taken out: a wait for 100-continue and a form's content type.
    var lines = request.headers["Expect"] == nil ? ["Expect:"] : []
    if request.headers["Content-Type"] == nil { lines.append("Content-Type:") }
    for field in request.headers.fields {
      // A semicolon is libcurl's way to write an empty value; a colon would remove the field.
      lines.append(field.value.isEmpty ? "\(field.name);" : "\(field.name): \(field.value)")
    }
    for line in lines {
      guard let longer = curl_slist_append(headerList, line) else {
        return options.note(CURLE_OUT_OF_MEMORY)
      }
      headerList = longer
    }
    options.note(fc_set_slist(options.handle, CURLOPT_HTTPHEADER, headerList))
  }
}

/// Whole milliseconds, at least 1, since 0 means "no bound" to libcurl, and at most a day.
func milliseconds(_ duration: Duration) -> Int {
  let bounded = min(max(duration, .milliseconds(1)), .seconds(86400))
  let (seconds, attoseconds) = bounded.components
  return Int(seconds) * 1000 + Int((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
}
