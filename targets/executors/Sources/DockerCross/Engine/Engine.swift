import Foundation
import Transfer

/// The Docker Engine's HTTP API on its Unix socket (docs.docker.com, "Engine API" 1.41).
struct Engine: Sendable {
  /// The version that is asked for: Debian 12's engine knows no higher one, and newer engines still
  /// know it.
  static let version = "v1.41"

  let socket: String
  private let client: TransferClient

  init(socket: String) {
    self.socket = socket
    client = TransferClient(
      configuration: TransferConfiguration(maximumConnectionsPerHost: 0))
  }

  /// The engine that the environment names.
  static func ofEnvironment() throws(EngineError) -> Engine {
    Engine(
      socket: try EngineAddress.socket(
        dockerHost: ProcessInfo.processInfo.environment["DOCKER_HOST"]))
  }

  /// What a request carries beside its path.
  enum Content: Sendable {
    case none
    case json(Data)
    case tar([UInt8])
  }

  /// Sends a request and returns the whole answer.
  /// - Throws: ``EngineError/refused(status:request:message:)`` for every status that is not 2xx,
  ///   304 (nothing to do) excepted.
  @discardableResult func send(
    _ method: String, _ path: String, _ query: [(String, String)] = [], _ content: Content = .none,
    timeout: Duration = .seconds(60)
  ) async throws(EngineError) -> [UInt8] {
    let request = request(method, path, query, content, timeout: timeout)
    let response: TransferResponse
    do { response = try await client.perform(request) } catch {
      throw EngineError(error, socket: socket, request: "\(method) \(path)")
    }
    guard response.isSuccess || response.status == 304 else {
      throw refusal(response.status, response.body, "\(method) \(path)")
    }
    return response.body
  }

  /// Sends a request and returns as soon as the engine has begun to answer.
  func stream(
    _ method: String, _ path: String, _ query: [(String, String)] = [], _ content: Content = .none
  ) async throws(EngineError) -> TransferStream {
    let request = request(method, path, query, content, timeout: nil)
    let stream: TransferStream
    let body: [UInt8]
    do {
      stream = try await client.stream(request)
      if stream.isSuccess { return stream }
      body = try await stream.collect(limit: 64 << 10)
    } catch {
      throw EngineError(error, socket: socket, request: "\(method) \(path)")
    }
    throw refusal(stream.status, body, "\(method) \(path)")
  }

  /// Sends a request and reads its answer as JSON.
  func json<Answer: Decodable>(
    _ type: Answer.Type, _ method: String, _ path: String, _ query: [(String, String)] = [],
    _ content: Content = .none, timeout: Duration = .seconds(60)
  ) async throws(EngineError) -> Answer {
    let body = try await send(method, path, query, content, timeout: timeout)
    return try decode(type, body, request: "\(method) \(path)")
  }

  /// Reads a part of an answer.
  func decode<Answer: Decodable>(
    _ type: Answer.Type, _ body: [UInt8], request: String
  ) throws(EngineError) -> Answer {
    do { return try JSONDecoder().decode(type, from: Data(body)) } catch {
      throw .unexpected(request: request, reason: "\(error)")
    }
  }

  private func request(
    _ method: String, _ path: String, _ query: [(String, String)], _ content: Content,
    timeout: Duration?
  ) -> TransferRequest {
    // The host is only a header: the connection goes to the socket.
    var url = "http://docker/\(Self.version)\(path)"
    if !query.isEmpty { url += "?" + Self.encode(query) }
    var request = TransferRequest(
      method: method, url: url, unixSocket: socket, timeout: timeout, followRedirects: false)
    switch content {
    case .none: break
    case .json(let data):
      request.headers["Content-Type"] = "application/json"
      request.body = .bytes(Array(data))
    case .tar(let bytes):
      request.headers["Content-Type"] = "application/x-tar"
      request.body = .bytes(bytes)
    }
    return request
  }

  /// `a=b&c=d`, with everything but unreserved characters escaped (RFC 3986, section 2.3).
  static func encode(_ query: [(String, String)]) -> String {
    let plain = CharacterSet(
      charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
    return query.map { name, value in
      "\(name)=\(value.addingPercentEncoding(withAllowedCharacters: plain) ?? "")"
    }.joined(separator: "&")
  }

  private func refusal(_ status: Int, _ body: [UInt8], _ request: String) -> EngineError {
    struct Message: Decodable { let message: String }
    let message = try? JSONDecoder().decode(Message.self, from: Data(body)).message
    return .refused(
      status: status, request: request,
      message: message ?? String(decoding: body.prefix(500), as: UTF8.self))
  }
}
