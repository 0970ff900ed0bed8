/// The answer to a request. Any status is an answer, 404 and 503 too.
public struct TransferResponse: Sendable {
  /// The HTTP status, of the last answer when redirects were followed.
  public let status: Int
  /// The header fields of that answer.
  public let headers: TransferHeaders
  /// The body. After a download into a file: empty, or the text of an answer other than 2xx.
  public let body: [UInt8]

  /// Creates an answer; for fakes in tests.
  public init(status: Int, headers: TransferHeaders = [:], body: [UInt8] = []) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  /// Whether the status is 2xx.
  public var isSuccess: Bool { (200..<300).contains(status) }
}
