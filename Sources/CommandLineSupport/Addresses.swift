import Foundation

/// Where a server listens.
public struct ListenAddress: Sendable, Equatable, CustomStringConvertible {
  /// A name or an address, an IPv6 address without brackets.
  public var host: String
  /// 0: the system picks one.
  public var port: Int

  public init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  /// Reads `HOST:PORT` or `[IPv6]:PORT`; nil: it is neither.
  public init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"),
      let port = UInt16(text[text.index(after: colon)...])
    else { return nil }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      return nil
    }
    guard !host.isEmpty, !host.contains(where: { $0.isWhitespace || "/@[]".contains($0) }) else {
      return nil
    }
    self.init(host: String(host), port: Int(port))
  }

  public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// Checks of addresses that people type.
enum WebAddress {
  /// `http` or `https` with a host, behind one of the prefixes.
  static func isURL(_ text: String, prefixes: [String] = [""]) -> Bool {
    guard let prefix = prefixes.first(where: { text.hasPrefix($0) }),
      let parts = URLComponents(string: String(text.dropFirst(prefix.count)))
    else { return false }
    return ["http", "https"].contains(parts.scheme) && parts.host?.isEmpty == false
  }

  /// Scheme, host and port without a final `/`; nil where there is more to it, or less.
  static func origin(_ text: String) -> String? {
    guard isURL(text), let parts = URLComponents(string: text), ["", "/"].contains(parts.path),
      parts.query == nil, parts.fragment == nil, parts.user == nil
    else { return nil }
    return text.hasSuffix("/") ? String(text.dropLast()) : text
  }
}
