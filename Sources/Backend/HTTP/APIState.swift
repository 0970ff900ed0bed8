import ArtifactStorage
import Cryptography
import Database
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// What the handlers of the API share.
struct APIState: Sendable {
  let configuration: BackendConfiguration
  let database: FarmDatabase
  let storage: any ArtifactStore
  let activeRecipes: ActiveRecipes
  let planner: JobPlanner
  let uses: UseCounter
  let origins: Origins
  let wakeUps: WakeUps
  let metrics: RequestMetrics
  /// What takes a look at whole tables.
  let queueCounts: Recent<[QueueCount]>
  let totals: Recent<FarmTotals>
  let logger: Logger

  /// The revision in force: one value for one request.
  var recipes: RecipeBook { activeRecipes.book }

  /// Why jobs are where they are, by their numbers.
  func outlook(of jobs: [StoredJob]) async throws -> [Int64: JobOutlook] {
    try await database.outlook(of: jobs, limits: recipes.targetLimits)
  }

  /// The public address of a path.
  func url(_ path: String) -> String { origins.first + path }
}

extension Response {
  /// A value as JSON that a cache may keep: with an `ETag`, and 304 where the client has it already.
  static func cached(
    _ value: some Encodable, _ request: Request, caching: Caching = .briefly
  ) throws -> Response {
    let body = try JSONText.encode(value)
    let tag = "\"\(SHA256.hex(of: body).prefix(32))\""
    var headers: HTTPFields = [.eTag: tag, .cacheControl: caching.rawValue]
    if request.matches(tag) { return Response(status: .notModified, headers: headers) }
    headers[.contentType] = "application/json"
    return Response(
      status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
  }
}

extension Request {
  /// Whether the client already has what this tag names (RFC 9110, 13.1.2: weak comparison).
  func matches(_ tag: String) -> Bool {
    headers[values: .ifNoneMatch].joined(separator: ",").split(separator: ",").contains {
      let known = $0.trimmingCharacters(in: .whitespaces)
      return known == "*" || known == tag || known == "W/" + tag
    }
  }

  /// A parameter of the query; nil where it is missing.
  func query(_ name: String) -> String? { uri.queryParameters[Substring(name)].map(String.init) }

  /// A page's length: `limit`, from 1 to `most`.
  func limit(default usual: Int = 20, most: Int = 100) throws -> Int {
    guard let text = query("limit") else { return usual }
    guard let limit = Int(text), (1...most).contains(limit) else {
      throw Problem.invalid("“limit” must be a number from 1 to \(most)")
    }
    return limit
  }

  /// The token of `Authorization: Bearer …`; nil where there is none.
  var bearerToken: String? {
    guard let field = headers[.authorization], field.lowercased().hasPrefix("bearer ") else {
      return nil
    }
    return field.dropFirst(7).trimmingCharacters(in: .whitespaces)
  }
}
