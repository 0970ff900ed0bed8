import Foundation
public import Transfer

/// The public API as a client sees it.
public struct FarmAPI: Sendable {
  /// The backend's origin, without a slash at its end.
  public let origin: String
  private let client: TransferClient

  public init(origin: String, client: TransferClient = TransferClient()) {
    self.origin = origin
    self.client = client
  }

  public func crate(_ name: String) async throws -> CrateAnswer {
    try await read("/api/v1/crates/\(name)")
  }

  public func version(_ crate: String, _ version: String) async throws -> VersionAnswer {
    try await read("/api/v1/crates/\(crate)/\(version)")
  }

  public func job(_ id: Int64) async throws -> JobAnswer { try await read("/api/v1/jobs/\(id)") }

  public func builders() async throws -> [BuilderAnswer] {
    let answer: BuildersAnswer = try await read("/api/v1/builders")
    return answer.builders
  }

  public func log(_ job: Int64) async throws -> String {
    String(decoding: try await answer("/api/v1/jobs/\(job)/log").body, as: UTF8.self)
  }

  /// The answer to a GET, whatever its status.
  public func get(_ path: String) async throws -> TransferResponse {
    try await client.perform(TransferRequest(url: absolute(path), timeout: .seconds(30)))
  }

  /// Downloads a path into a file.
  /// - Throws: ``LocalFarmError/unexpectedAnswer(url:problem:)`` for any status but 200.
  public func download(_ path: String, to file: String) async throws {
    let request = TransferRequest(
      url: absolute(path), stallTimeout: .seconds(30), responseLimit: 1 << 30)
    let answer = try await client.download(request, to: file)
    guard answer.status == 200 else { throw unexpected(path, answer) }
  }

  /// The URL of a path, or the URL itself.
  public func absolute(_ path: String) -> String { path.hasPrefix("/") ? origin + path : path }

  private func answer(_ path: String) async throws -> TransferResponse {
    let answer = try await get(path)
    guard answer.status == 200 else { throw unexpected(path, answer) }
    return answer
  }

  private func read<Answer: Decodable>(_ path: String) async throws -> Answer {
    let body = Data(try await answer(path).body)
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    do { return try decoder.decode(Answer.self, from: body) } catch {
      throw LocalFarmError.unexpectedAnswer(url: absolute(path), problem: "\(error)")
    }
  }

  private func unexpected(_ path: String, _ answer: TransferResponse) -> LocalFarmError {
    let text = String(decoding: answer.body.prefix(500), as: UTF8.self)
    return .unexpectedAnswer(url: absolute(path), problem: "\(answer.status) \(text)")
  }
}
