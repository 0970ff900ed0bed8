import ArtifactStorage
import Database
import Postgres
import Signing

/// Why a backend does not start, with the remedy.
public enum BackendStartError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Migrations are there that the database does not have.
  case notMigrated(pending: [String])
  /// The database has migrations that this program does not know.
  case newerSchema(String)
  case signingKeyNotRegistered(id: String)
  case noMarker
  /// This program does not understand the recipes that are in force.
  case recipesNotUnderstood(revision: Int64, reason: String)
  /// The address is another program's, not this machine's, or not this user's to take.
  case cannotListen(address: String, reason: String)

  public var description: String {
    switch self {
    case .notMigrated(let pending):
      "the database lacks \(pending.joined(separator: ", ")): run buildsrs migrate"
    case .newerSchema(let reason):
      "the database is newer than this program, or its migrations are missing: \(reason)"
    case .signingKeyNotRegistered(let id):
      "the signing key \(id) is not registered in the database: use the farm's own key "
        + "(signing-key-file), or register this one with buildsrs keys generate"
    case .noMarker:
      "the storage lacks the farm's marker \(StorageKey.marker): check storage-url (is the disk "
        + "mounted, is it the right bucket?), or mark a new storage with buildsrs keys generate"
    case .recipesNotUnderstood(let revision, let reason):
      "revision \(revision) of the recipes is in force, which this program does not understand: "
        + "upgrade it, or put other recipes in force with buildsrs recipes apply\n\(reason)"
    case .cannotListen(let address, let reason):
      "cannot listen on \(address): \(reason); stop what uses it, or name another one with --listen"
    }
  }
}

/// What must hold before a backend serves anybody.
struct StartupChecks: Sendable {
  let configuration: BackendConfiguration
  let database: FarmDatabase

  /// - Throws: ``BackendStartError``; what the database or the storage throws when it is away.
  func run() async throws {
    try await checkSchema()
    let key = configuration.signingKey.publicKey
    let keys = try await database.signingKeys()
    guard keys.contains(where: { $0.id == key.keyID && $0.publicKey == key.base64 }) else {
      throw BackendStartError.signingKeyNotRegistered(id: key.keyID)
    }
    guard try await configuration.storage.readMarker() != nil else {
      throw BackendStartError.noMarker
    }
  }

  private func checkSchema() async throws {
    do {
      let migrator = Migrator(directory: configuration.migrationsDirectory)
      let pending = try await migrator.pending(configuration.database)
      guard pending.isEmpty else {
        throw BackendStartError.notMigrated(pending: pending.map(\.file))
      }
    } catch let error as MigrationError {
      switch error {
      case .missingFile, .changed: throw BackendStartError.newerSchema("\(error)")
      default: throw error
      }
    }
  }
}
