import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// What a handler knows about its request.
struct BackendContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  /// Where the connection comes from; behind a proxy, the proxy.
  let remoteAddress: String?

  init(source: ApplicationRequestContextSource) {
    coreContext = .init(source: source)
    remoteAddress = source.channel.remoteAddress?.ipAddress
  }

  /// A part of the path, with its percent-escapes decoded; `+` is a plus sign.
  func part(_ name: String) throws -> String {
    guard let raw = parameters[Substring(name)], let text = String(raw).removingPercentEncoding
    else { throw Problem.invalid("“\(name)” in the path is not valid percent-encoded UTF-8") }
    return text
  }

  /// A number in the path.
  func number(_ name: String) throws -> Int64 {
    let text = try part(name)
    guard let number = Int64(text), number > 0 else {
      throw Problem.notFound("“\(text.prefix(64))” is no number of a \(name)")
    }
    return number
  }
}

/// What caches may do with an answer.
enum Caching: String, Sendable {
  /// The bytes never change.
  case forever = "public, max-age=31536000, immutable"
  /// It may change with the next build.
  case briefly = "public, max-age=30"
  /// It changes by the second.
  case never = "no-store"
}

extension Response {
  /// A value as JSON.
  static func json(
    _ value: some Encodable, status: HTTPResponse.Status = .ok, caching: Caching = .briefly,
    headers: HTTPFields = [:]
  ) throws -> Response {
    var headers = headers
    headers[.contentType] = "application/json"
    headers[.cacheControl] = caching.rawValue
    let body = try JSONText.encode(value)
    return Response(
      status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
  }

  /// A text.
  static func text(
    _ text: String, type: String = "text/plain; charset=utf-8", caching: Caching = .never,
    headers: HTTPFields = [:]
  ) -> Response {
    var headers = headers
    headers[.contentType] = type
    headers[.cacheControl] = caching.rawValue
    return Response(
      status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
  }
}
