import ArgumentParser
import CommandLineSupport
import Postgres

/// Brings the schema up to date.
struct MigrateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "migrate",
    abstract: "Applies the migrations that the database does not have yet.",
    discussion: """
      Each file is applied once, in the order of its number, in a transaction of its own. Two that \
      run at once are safe. A migration whose file has changed since it was applied is refused.

      EXAMPLES
        buildsrs migrate
        buildsrs migrate --database-url postgresql://farm@db.example/farm
      """)
  @OptionGroup var common: CommonOptions
  @OptionGroup var database: DatabaseOptions
  @OptionGroup var location: MigrationOptions

  func run() async throws {
    let address = try await common.settings(database).databaseAddress()
    let applied = try await Migrator(directory: location.migrationsDirectory).migrate(address)
    for migration in applied { print("applied \(migration.file)") }
    if applied.isEmpty { print("the schema is up to date") }
  }
}

/// Where the schema's files are.
struct MigrationOptions: ParsableArguments {
  @Option(help: "The directory of NNNN_name.sql files.", completion: .directory)
  var migrationsDirectory = "migrations"
}
