/// Why there is no (whole) answer to a request.
///
/// The description names the URL, but never its user information and never a header's value.
public struct TransferError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What happened.
  public enum Kind: Sendable, Equatable {
    /// The host's name has no address, or nobody accepts connections there.
    case cannotConnect(message: String)
    /// The connect timeout, the request's timeout or its stall timeout passed.
    case timedOut(message: String)
    /// The answer's body is larger than the request's limit (bytes).
    case tooLarge(limit: Int)
    /// The task was cancelled or the client shut down.
    case cancelled
    /// Anything else: libcurl's code (`CURLcode`), or 0 for a refusal or a file error of our own.
    case other(code: Int, message: String)
  }

  /// What happened.
  public let kind: Kind
  /// The request's method.
  public let method: String
  /// The request's URL without user information.
  public let url: String

  /// Creates an error; user information is taken out of the URL.
  public init(kind: Kind, method: String, url: String) {
    self.kind = kind
    self.method = method
    self.url = withoutUserInformation(url)
  }

  init(_ kind: Kind, of request: TransferRequest) {
    self.init(kind: kind, method: request.method, url: request.url)
  }

  /// What happened and where, in one line.
  public var description: String {
    let what =
      switch kind {
      case .cannotConnect(let message): "cannot connect: \(message)"
      case .timedOut(let message): "timed out: \(message)"
      case .tooLarge(let limit): "the answer is larger than the limit of \(limit) bytes"
      case .cancelled: "cancelled"
      case .other(0, let message): message
      case .other(let code, let message): "\(message) (curl \(code))"
      }
    return "\(method) \(url): \(what)"
  }
}

/// The URL without what stands before an `@` in its authority (RFC 3986, section 3.2.1).
func withoutUserInformation(_ url: String) -> String {
  var start = url.startIndex
  if let colon = url.firstRange(of: "://") { start = colon.upperBound }
  let end = url[start...].firstIndex { "/?#\\".contains($0) } ?? url.endIndex
  guard let at = url[start..<end].lastIndex(of: "@") else { return url }
  return String(url[..<start] + url[url.index(after: at)...])
}
