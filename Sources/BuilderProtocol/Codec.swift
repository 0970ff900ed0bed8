import Foundation

/// Why a frame is no message.
public enum MessageDecodingError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The frame is larger than ``maximumFrameBytes``.
  case tooLarge(bytes: Int)
  /// The frame is no JSON object with a text `type`.
  case notAMessage(String)
  /// The type is known, but a field is missing or has the wrong type.
  case badField(type: String, problem: String)

  public var description: String {
    switch self {
    case .tooLarge(let bytes): "a frame of \(bytes) bytes; at most \(maximumFrameBytes) are read"
    case .notAMessage(let problem): "no JSON object with a text “type”: \(problem)"
    case .badField(let type, let problem): "bad “\(type)”: \(problem)"
    }
  }
}

/// The largest frame that either side reads, in bytes.
public let maximumFrameBytes = 1 << 20

private struct TypeOnly: Codable { var type: String }

/// A payload with its `type` beside its own fields.
private struct Typed<Payload: Encodable>: Encodable {
  var type: String
  var payload: Payload
  private enum Keys: String, CodingKey { case type }
  func encode(to encoder: any Encoder) throws {
    try payload.encode(to: encoder)
    var container = encoder.container(keyedBy: Keys.self)
    try container.encode(type, forKey: .type)
  }
}

private func encode(_ type: String, _ payload: some Encodable) throws -> String {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
  return String(decoding: try encoder.encode(Typed(type: type, payload: payload)), as: UTF8.self)
}

private struct Decoding {
  let data: Data
  let type: String

  init(_ text: String) throws(MessageDecodingError) {
    guard text.utf8.count <= maximumFrameBytes else { throw .tooLarge(bytes: text.utf8.count) }
    data = Data(text.utf8)
    do { type = try JSONDecoder().decode(TypeOnly.self, from: data).type } catch {
      throw .notAMessage(Self.explain(error))
    }
  }

  func callAsFunction<Payload: Decodable>(_ payload: Payload.Type) throws(MessageDecodingError)
    -> Payload
  {
    do { return try JSONDecoder().decode(payload, from: data) } catch {
      throw .badField(type: type, problem: Self.explain(error))
    }
  }

  private static func explain(_ error: any Error) -> String {
    switch error as? DecodingError {
    case .keyNotFound(let key, _): "“\(key.stringValue)” is missing"
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      "“\(path(context))” has the wrong type"
    case .dataCorrupted(let context):
      context.codingPath.isEmpty
        ? "not JSON" : "“\(path(context))”: \(context.debugDescription)"
    default: "\(error)"
    }
  }

  private static func path(_ context: DecodingError.Context) -> String {
    context.codingPath.map(\.stringValue).joined(separator: ".")
  }
}

private struct Empty: Codable {}

extension BuilderMessage {
  /// Reads one text frame.
  public init(decoding text: String) throws(MessageDecodingError) {
    let decode = try Decoding(text)
    switch decode.type {
    case "hello": self = .hello(try decode(Hello.self))
    case "authenticate": self = .authenticate(try decode(Authenticate.self))
    case "capabilities": self = .capabilities(try decode(Capabilities.self))
    case "ready": self = .ready(try decode(Ready.self))
    case "progress": self = .progress(try decode(Progress.self))
    case "log": self = .log(try decode(LogChunk.self))
    case "heartbeat": self = .heartbeat(try decode(Heartbeat.self))
    case "finished": self = .finished(try decode(Finished.self))
    case "resume": self = .resume(try decode(Heartbeat.self))
    case "error": self = .error(try decode(ProtocolError.self))
    default: self = .unknown(type: decode.type)
    }
  }

  /// The message as one text frame.
  public func encoded() throws -> String {
    switch self {
    case .hello(let payload): try encode("hello", payload)
    case .authenticate(let payload): try encode("authenticate", payload)
    case .capabilities(let payload): try encode("capabilities", payload)
    case .ready(let payload): try encode("ready", payload)
    case .progress(let payload): try encode("progress", payload)
    case .log(let payload): try encode("log", payload)
    case .heartbeat(let payload): try encode("heartbeat", payload)
    case .finished(let payload): try encode("finished", payload)
    case .resume(let payload): try encode("resume", payload)
    case .error(let payload): try encode("error", payload)
    case .unknown(let type): try encode(type, Empty())
    }
  }
}

extension BackendMessage {
  /// Reads one text frame.
  public init(decoding text: String) throws(MessageDecodingError) {
    let decode = try Decoding(text)
    switch decode.type {
    case "challenge": self = .challenge(try decode(Challenge.self))
    case "welcome": self = .welcome(try decode(Welcome.self))
    case "refused": self = .refused(try decode(Refused.self))
    case "assign": self = .assign(try decode(Assign.self))
    case "renewed": self = .renewed(try decode(Renewed.self))
    case "resumed": self = .resumed(try decode(Resumed.self))
    case "log_received": self = .logReceived(try decode(LogReceived.self))
    case "cancel": self = .cancel(try decode(AttemptReference.self))
    case "drain": self = .drain
    case "accepted": self = .accepted(try decode(AttemptReference.self))
    case "stale": self = .stale(try decode(AttemptReference.self))
    case "error": self = .error(try decode(ProtocolError.self))
    default: self = .unknown(type: decode.type)
    }
  }

  /// The message as one text frame.
  public func encoded() throws -> String {
    switch self {
    case .challenge(let payload): try encode("challenge", payload)
    case .welcome(let payload): try encode("welcome", payload)
    case .refused(let payload): try encode("refused", payload)
    case .assign(let payload): try encode("assign", payload)
    case .renewed(let payload): try encode("renewed", payload)
    case .resumed(let payload): try encode("resumed", payload)
    case .logReceived(let payload): try encode("log_received", payload)
    case .cancel(let payload): try encode("cancel", payload)
    case .drain: try encode("drain", Empty())
    case .accepted(let payload): try encode("accepted", payload)
    case .stale(let payload): try encode("stale", payload)
    case .error(let payload): try encode("error", payload)
    case .unknown(let type): try encode(type, Empty())
    }
  }
}
