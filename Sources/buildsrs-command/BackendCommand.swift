import ArgumentParser
import ArtifactStorage
import Backend
import CommandLineSupport
import Foundation
import Logging
import ServiceLifecycle
import UnixSignals

/// One replica of the backend.
struct BackendCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backend",
    abstract: "Serves the public API and gives jobs to builders.",
    discussion: """
      Any number of backends may run on one database and storage. SIGTERM or Ctrl-C stops this one: \
      builders go on at another one, or here after it has started again.

      The targets and recipes of the directories are put in force by the first start of all; later \
      it is `buildsrs recipes apply` that does, or --watch-recipes.

      The first line on standard output is “listening on URL”; the log goes to standard error.

      EXAMPLES
        buildsrs backend
        buildsrs backend --listen 0.0.0.0:80 --public-url https://builds.example \\
            --database-url postgresql://farm@db/farm --storage-url file:///srv/farm
      """)
  @OptionGroup var common: CommonOptions
  @OptionGroup(title: "Server") var server: ServerOptions
  @OptionGroup(title: "Database") var database: DatabaseOptions
  @OptionGroup(title: "Storage") var storage: StorageOptions
  @OptionGroup(title: "Registry") var token: RegistryTokenOptions
  @OptionGroup(title: "Recipes") var recipes: RecipeOptions
  @Flag(
    help: """
      Put an edit of the recipes' directories in force at once; a broken one is told and changes \
      nothing.
      """)
  var watchRecipes = false
  @OptionGroup var migrations: MigrationOptions
  @Option(help: "How long a builder may be silent before its jobs go to another one, in seconds.")
  var leaseSeconds = 60
  @Option(
    help: ArgumentHelp(
      "Which share of the published builds another builder builds once more, to compare: 0 to 1.",
      valueName: "share"))
  var verifyShare = 0.05

  func validate() throws {
    guard (0...1).contains(verifyShare) else {
      throw ValidationError("--verify-share must be 0 to 1")
    }
    guard (2...3600).contains(leaseSeconds) else {
      throw ValidationError("--lease-seconds must be 2 to 3600")
    }
  }

  func run() async throws {
    let settings = try common.settings(server, database, storage, token, recipes)
    installLogging(settings.logLevel)
    let configuration = try await configuration(settings)
    let host = settings.listen.host
    let application = BackendApplication(configuration: configuration) { port in
      print("listening on http://\(ListenAddress(host: host, port: port))")
      fflush(nil)
    }
    try await ServiceGroup(
      services: [application], gracefulShutdownSignals: [.sigterm, .sigint],
      logger: Logger(label: "backend")
    ).run()
  }

  private func configuration(_ settings: Settings) async throws -> BackendConfiguration {
    var configuration = BackendConfiguration(
      database: try await settings.databaseAddress(),
      storage: try StorageURL(settings.storageURL).makeStore(),
      signingKey: try SigningKeyLocation(settings).load(),
      recipesDirectory: settings.recipesDirectory, targetsDirectory: settings.targetsDirectory,
      migrationsDirectory: migrations.migrationsDirectory, host: settings.listen.host,
      port: settings.listen.port, publicURLs: server.publicURLs(settings),
      registryToken: try settings.registryToken(), leaseSeconds: leaseSeconds)
    configuration.verifyShare = verifyShare
    configuration.watchesRecipes = watchRecipes
    configuration.storagePublicURL = settings.storagePublicURL?.trimmingSlash
    return configuration
  }
}

extension String {
  /// The text without a slash at its end.
  fileprivate var trimmingSlash: String { hasSuffix("/") ? String(dropLast()) : self }
}

extension ServerOptions {
  /// What was set; nothing where the backend is to take what it listens on, whose port may be free.
  fileprivate func publicURLs(_ settings: Settings) -> [String] {
    settings.text(.publicURL) == nil ? [] : settings.publicURLs
  }
}

extension Settings {
  /// The token of the registry sync; nil where no file is set.
  /// - Throws: a failure where the file cannot be read, is empty or holds no token.
  func registryToken() throws -> String? {
    guard let file = registryTokenFile else { return nil }
    guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
      throw CommandFailure("cannot read the registry token \(file)")
    }
    let token = text.trimmingCharacters(in: .whitespacesAndNewlines)
    guard !token.isEmpty else { throw CommandFailure("the registry token \(file) is empty") }
    // It travels in a header (RFC 6750): another file by mistake would else look like a lost network.
    guard token.utf8.allSatisfy({ (33...126).contains($0) }) else {
      throw CommandFailure(
        "\(file) holds no token: it must be one line of ASCII without spaces, such as what "
          + "`openssl rand -hex 32` prints")
    }
    return token
  }
}
