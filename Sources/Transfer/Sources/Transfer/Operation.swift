import CCurl
import Glibc

/// One request on its way.
///
/// `@unchecked Sendable`: `request` never changes, `caller` and `cancelled` are locked, and all
/// else is touched only on the curl thread, to which the operation is handed by `Engine.start`.
final class Operation: @unchecked Sendable {
  typealias Outcome = Result<TransferResponse, TransferError>

  let request: TransferRequest
  private let caller = Locked<CheckedContinuation<Outcome, Never>?>(nil)
  private let cancelled = Locked(false)

  // On the curl thread:
  let sink: ResponseSink
  var easy: UnsafeMutableRawPointer?
  var headerList: UnsafeMutablePointer<curl_slist>?
  let errorText = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
  var upload: UploadFile?
  var status = 0
  var headers = TransferHeaders()
  var failure: TransferError.Kind?
  var paused = false
  /// When a byte last moved on the connection; nil before there is one.
  var lastActivity: ContinuousClock.Instant?

  init(request: TransferRequest, target: ResponseSink.Target) {
    self.request = request
    sink = ResponseSink(target: target, limit: request.responseLimit)
    errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
  }

  deinit { errorText.deallocate() }

  var isCancelled: Bool { cancelled.withLock { $0 } }

  func markCancelled() { cancelled.withLock { $0 = true } }

  /// Sets who waits for the answer; before the operation is handed to the engine.
  func setCaller(_ continuation: CheckedContinuation<Outcome, Never>) {
    caller.withLock { $0 = continuation }
  }

  /// Answers the caller, once; later calls do nothing.
  func answer(_ outcome: Outcome) {
    let waiting = caller.withLock { waiting in
      defer { waiting = nil }
      return waiting
    }
    waiting?.resume(returning: outcome)
  }

  /// Whether the connection may be one of HTTP/2, which libcurl speaks over TLS only.
  var mayShareConnection: Bool {
    request.unixSocket == nil && request.url.prefix(6).lowercased() == "https:"
  }

  /// When the operation has stalled, if nothing moves until then; nil: never.
  var stallDeadline: ContinuousClock.Instant? {
    guard let limit = request.stallTimeout, !paused, let lastActivity else { return nil }
    return lastActivity + limit
  }

  /// Ends the operation, frees what it holds and answers the caller and the stream's reader.
  /// The handle must already be out of the multi handle.
  func finish(_ reason: TransferError.Kind?) {
    if let easy { curl_easy_cleanup(easy) }
    easy = nil
    curl_slist_free_all(headerList)
    headerList = nil
    upload = nil
    let fileFailure = sink.finish(succeeded: reason == nil, status: status)
    let error = (reason ?? fileFailure).map { TransferError($0, of: request) }
    if case .stream(let buffer) = sink.target { buffer.finish(error) }
    if let error { return answer(.failure(error)) }
    answer(.success(TransferResponse(status: status, headers: headers, body: sink.body)))
  }

  /// What a result of libcurl means here.
  func kind(of code: CURLcode) -> TransferError.Kind? {
    if code == CURLE_OK { return nil }
    if let failure { return failure }
    let detail = String(cString: errorText)
    let text = detail.isEmpty ? String(cString: curl_easy_strerror(code)) : detail
    switch code {
    case CURLE_COULDNT_CONNECT, CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY:
      return .cannotConnect(message: text)
    case CURLE_OPERATION_TIMEDOUT: return .timedOut(message: text)
    case CURLE_FILESIZE_EXCEEDED: return .tooLarge(limit: request.responseLimit)
    default: return .other(code: Int(code.rawValue), message: text)
    }
  }
}
