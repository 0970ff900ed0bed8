import ArgumentParser
import CommandLineSupport
import Postgres

/// The private PostgreSQL under `.local/postgres`.
struct DatabaseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "database",
    abstract: "Runs a private PostgreSQL: a Unix socket, no TCP.",
    discussion: """
      Every command uses this database when no database-url is given.

      EXAMPLES
        buildsrs database start
        psql "$(buildsrs database url)"
      """,
    subcommands: [Start.self, Stop.self, URLCommand.self])

  struct Location: ParsableArguments {
    @Option(help: "Where the cluster is (default: .local/postgres).", completion: .directory)
    var directory: String?

    func cluster() throws -> EmbeddedCluster {
      EmbeddedCluster(directory: try directory ?? Settings().embeddedDatabaseDirectory)
    }
  }

  struct Start: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Starts it, and makes it on first use; prints its URL.")
    @OptionGroup var location: Location

    func run() async throws {
      let cluster = try location.cluster()
      try await cluster.start()
      print(try await cluster.url)
    }
  }

  struct Stop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Stops it; the data stays. Does nothing when it does not run.")
    @OptionGroup var location: Location

    func run() async throws { try await location.cluster().stop() }
  }

  struct URLCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "url", abstract: "Prints its URL, whether it runs or not.")
    @OptionGroup var location: Location

    func run() async throws { print(try await location.cluster().url) }
  }
}

extension Settings {
  /// The database that is set, or the embedded one, which must run.
  /// - Throws: a failure that names the remedy.
  func databaseAddress() async throws -> PostgresAddress {
    if let databaseURL { return try PostgresAddress(databaseURL) }
    let cluster = EmbeddedCluster(directory: embeddedDatabaseDirectory)
    guard try await cluster.isRunning else {
      throw CommandFailure(
        "the embedded database does not run: start it with `buildsrs database start`, or name "
          + "another one with --database-url")
    }
    return try await cluster.address
  }
}
