import Foundation
public import WebSockets

/// One of the backend's addresses, as `backend-url` gives it.
public struct BackendAddress: Sendable, Equatable, CustomStringConvertible {
  /// As it was given.
  public let description: String
  /// `scheme://host[:port]`, without a default port (RFC 6454, section 6.2): what the builder signs.
  public let origin: String
  /// Where the WebSocket is.
  public let webSocketURL: String

  /// - Throws: ``WebSocketError`` where the text is no `http://` URL, or asks for TLS.
  public init(_ text: String) throws(WebSocketError) {
    guard let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(),
      let host = parts.host?.lowercased(), !host.isEmpty
    else { throw .badURL(text) }
    if scheme == "https" || scheme == "wss" { throw .tlsNotSupported(url: text) }
    guard scheme == "http" || scheme == "ws" else { throw .badURL(text) }
    let port = parts.port == 80 ? "" : parts.port.map { ":\($0)" } ?? ""
    var path = parts.percentEncodedPath
    while path.hasSuffix("/") { path.removeLast() }
    description = text
    origin = "http://\(host)\(port)"
    webSocketURL = "ws://\(host)\(port)\(path)/api/v1/builder"
    _ = try WebSocketClient(url: webSocketURL)
  }
}
