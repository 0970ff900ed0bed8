import Foundation

/// `GET /version`.
struct EngineVersion: Decodable {
  let version: String
  let apiVersion: String
  private enum CodingKeys: String, CodingKey {
    case version = "Version"
    case apiVersion = "ApiVersion"
  }
}

/// `GET /images/{name}/json`.
struct ImageFacts: Decodable {
  struct Config: Decodable {
    let labels: [String: String]?
    private enum CodingKeys: String, CodingKey { case labels = "Labels" }
  }
  struct RootFS: Decodable {
    let layers: [String]?
    private enum CodingKeys: String, CodingKey { case layers = "Layers" }
  }
  /// `sha256:…` over the image's configuration, which names its layers by digest.
  let id: String
  let config: Config?
  let rootFS: RootFS?
  private enum CodingKeys: String, CodingKey {
    case id = "Id"
    case config = "Config"
    case rootFS = "RootFS"
  }
  var labels: [String: String] { config?.labels ?? [:] }
  /// From the base upwards, each `sha256:…` over its files.
  var layers: [String] { rootFS?.layers ?? [] }
}

/// `POST /containers/create`.
struct CreatedContainer: Decodable {
  let id: String
  private enum CodingKeys: String, CodingKey { case id = "Id" }
}

/// `POST /containers/{id}/wait`.
struct ContainerExit: Decodable {
  let statusCode: Int32
  private enum CodingKeys: String, CodingKey { case statusCode = "StatusCode" }
}

/// `GET /containers/{id}/json`.
struct ContainerFacts: Decodable {
  struct State: Decodable {
    /// True also where only a child of the command was killed.
    let ranOutOfMemory: Bool
    private enum CodingKeys: String, CodingKey { case ranOutOfMemory = "OOMKilled" }
  }
  let state: State
  private enum CodingKeys: String, CodingKey { case state = "State" }
}

/// An element of `GET /containers/json`.
struct ListedContainer: Decodable {
  let id: String
  let labels: [String: String]?
  private enum CodingKeys: String, CodingKey {
    case id = "Id"
    case labels = "Labels"
  }
}

/// A line of what `POST /build` and `POST /images/create` answer.
struct ProgressLine: Decodable {
  struct Auxiliary: Decodable {
    let id: String?
    private enum CodingKeys: String, CodingKey { case id = "ID" }
  }
  let stream: String?
  let status: String?
  let error: String?
  let aux: Auxiliary?
}

/// JSON with the engine's spelling of keys: the first letter is a capital.
func engineJSON(_ value: any Encodable) throws(EngineError) -> Data {
  let encoder = JSONEncoder()
  encoder.keyEncodingStrategy = .custom { path in
    let name = path.last?.stringValue ?? ""
    return EngineKey(name.prefix(1).uppercased() + name.dropFirst())
  }
  do { return try encoder.encode(value) } catch {
    throw .unexpected(request: "a body", reason: "\(error)")
  }
}

private struct EngineKey: CodingKey {
  let stringValue: String
  var intValue: Int? { nil }
  init(_ text: String) { stringValue = text }
  init?(stringValue: String) { self.init(stringValue) }
  init?(intValue: Int) { nil }
}
