import Database
import HTTPTypes
import Hummingbird
import Logging
import Postgres

/// The outermost responder: every error leaves as a problem document, its cause goes to the log.
struct ProblemResponder<Inner: HTTPResponder>: HTTPResponder where Inner.Context: RequestContext {
  let inner: Inner
  let routes: RouteTable
  let metrics: RequestMetrics

  func respond(to request: Request, context: Inner.Context) async throws -> Response {
    let response = await answer(request, context)
    metrics.count(status: response.status.code)
    return response
  }

  private func answer(_ request: Request, _ context: Inner.Context) async -> Response {
    do {
      let response = try await inner.respond(to: request, context: context)
      let isProblem = response.headers[.contentType] == "application/problem+json"
      guard response.status.kind == .clientError || response.status.kind == .serverError,
        !isProblem
      else { return response }
      return problem(bare: response.status, request).response
    } catch {
      return explain(error, request, context.logger).response
    }
  }

  /// A path that exists for other methods is 405, not 404.
  private func problem(bare status: HTTPResponse.Status, _ request: Request) -> Problem {
    let methods = status == .notFound ? routes.methods(at: request.uri.path) : []
    guard !methods.isEmpty else { return Problem(bare: status, path: request.uri.path) }
    let allowed = methods.sorted().joined(separator: ", ")
    return Problem(
      .methodNotAllowed, .methodNotAllowed,
      "\(request.method.rawValue) is not possible here; \(allowed) is", headers: [.allow: allowed])
  }

  private func explain(_ error: any Error, _ request: Request, _ logger: Logger) -> Problem {
    switch error {
    case let problem as Problem: return problem
    case let error as any HTTPResponseError: return problem(bare: error.status, request)
    case let error as PostgresError where error.isUnavailable:
      logger.warning("the database is away: \(error)")
      return .unavailable
    case is PostgresPoolError, is CancellationError, is RecipesChanged: return .unavailable
    default:
      logger.error(
        "\(request.method.rawValue) \(request.uri.path) failed: \(String(reflecting: error))")
      return .internalError
    }
  }
}

extension PostgresError {
  /// The database is away, stops or starts, is full or takes no more clients (class 53): the same
  /// request may succeed later.
  var isUnavailable: Bool { isConnectionFailure || sqlState.hasPrefix("53") }
}

/// Which methods there are at which paths.
struct RouteTable: Sendable {
  private let routes: [(method: String, path: [String])]

  init(_ routes: [(method: String, path: String)]) {
    self.routes = routes.map { ($0.method, Self.parts($0.path)) }
  }

  /// The methods that a path exists for; empty: there is no such path.
  func methods(at path: String) -> Set<String> {
    let parts = Self.parts(path)
    return Set(routes.filter { Self.matches($0.path, parts) }.map(\.method))
  }

  private static func parts(_ path: String) -> [String] {
    path.split(separator: "/").map(String.init)
  }

  private static func matches(_ pattern: [String], _ path: [String]) -> Bool {
    pattern.count == path.count
      && zip(pattern, path).allSatisfy { $0.hasPrefix("{") || $0.hasPrefix(":") || $0 == $1 }
  }
}
