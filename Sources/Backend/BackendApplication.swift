import Database
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
public import Logging
import NIOCore
import Postgres
import Scheduling
public import ServiceLifecycle
import WebSockets

/// One replica of the farm's backend: HTTP API, builder gateway and what runs beside them, as services
/// in the order in which they need one another. They stop in the reverse order.
public struct BackendApplication: Service, CustomStringConvertible {
  private let configuration: BackendConfiguration
  private let logger: Logger
  private let onListening: @Sendable (_ port: Int) async -> Void

  /// Does nothing yet.
  ///
  /// - Parameter onListening: told the real port once requests are answered.
  public init(
    configuration: BackendConfiguration, logger: Logger = Logger(label: "backend"),
    onListening: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
  ) {
    self.configuration = configuration
    self.logger = logger
    self.onListening = onListening
  }

  /// The name in the log of a service group, which would else print everything inside.
  public var description: String { "backend" }

  /// Serves until it is shut down gracefully or cancelled.
  ///
  /// - Throws: ``BackendStartError``; `RecipeErrors` with all that is wrong with the recipes;
  ///   `PostgresError` and `StorageError` when the database or storage is away at the start.
  public func run() async throws {
    let pool = PostgresPool(
      configuration.database, maximumConnections: configuration.poolSize,
      patience: configuration.databasePatience, applicationName: "builds.rs backend",
      logger: logger)
    do {
      let parts = try await prepare(pool)
      try await serve(parts)
    } catch {
      await pool.close()
      throw error
    }
    await pool.close()
  }

  private func prepare(_ pool: PostgresPool) async throws -> BackendParts {
    let database = FarmDatabase(
      pool: pool, terms: LeaseTerms(leaseSeconds: configuration.leaseSeconds))
    try await StartupChecks(configuration: configuration, database: database).run()
    let files = await RecipeWatcher.signature(configuration)
    let book = try await RecipeStart(
      configuration: configuration, database: database, logger: logger
    ).run()
    return BackendParts(
      configuration: configuration, database: database, book: book, files: files, logger: logger)
  }

  private func serve(_ parts: BackendParts) async throws {
    var configuration = ServiceGroupConfiguration(
      services: [
        .init(service: PoolService(pool: parts.database.pool)),
        .init(service: parts.wakeUps),
        .init(service: parts.reaper),
        .init(service: parts.follower),
        .init(service: parts.planning),
        .init(service: parts.popularity),
        .init(service: server(parts)),
      ], logger: logger)
    if self.configuration.watchesRecipes {
      configuration.services.append(.init(service: parts.watcher))
    }
    // The last one is the first to be stopped.
    configuration.services.append(.init(service: parts.gate))
    // Then downloads that are not done are cut.
    configuration.maximumGracefulShutdownDuration = .seconds(20)
    do {
      try await ServiceGroup(configuration: configuration).run()
    } catch let error as IOError where Self.bindFailures.contains(error.errnoCode) {
      throw BackendStartError.cannotListen(
        address: "\(self.configuration.host):\(self.configuration.port)",
        reason: String(cString: strerror(error.errnoCode)))
    }
  }

  /// What bind(2) fails with, and no connection does later.
  private static let bindFailures: Set<CInt> = [EADDRINUSE, EADDRNOTAVAIL, EACCES]

  private func server(_ parts: BackendParts) -> some Service {
    let host = configuration.host
    let builder = HTTPServerBuilder.http1WithWebSockets { request in
      let path = request.path?.split(separator: "?").first
      guard path == "/api/v1/builder" else { return nil }
      let gateway = parts.gateway
      return { socket, messages in await gateway.serve(socket, messages) }
    }
    return Application(
      responder: parts.responder, server: builder,
      configuration: .init(
        address: .hostname(host, port: configuration.port), serverName: "builds.rs"),
      onServerRunning: { [logger, onListening] channel in
        let port = channel.localAddress?.port ?? 0
        parts.origins.listening(host: host, port: port)
        logger.notice("listening on \(host):\(port)")
        await onListening(port)
      }, logger: logger)
  }
}

/// Keeps the pool open until everything that uses it has stopped.
private struct PoolService: Service, CustomStringConvertible {
  let pool: PostgresPool

  var description: String { "database connections" }

  func run() async throws {
    try? await gracefulShutdown()
    await pool.close()
  }
}
