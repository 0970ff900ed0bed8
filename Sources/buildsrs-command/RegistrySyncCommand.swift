public import ArgumentParser
import CommandLineSupport
public import FarmModel
import Foundation
import Logging
import RegistrySync
import ServiceLifecycle
import UnixSignals

/// Follows a registry.
struct RegistrySyncCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "registry-sync",
    abstract: "Follows a registry's index and tells the backend what is new.",
    discussion: """
      Looks at each crate with a conditional request, finds new, changed and yanked versions, looks \
      into the newest .crate for binaries, and reports. What it has seen is kept in the state \
      directory, and only after the backend has answered. One process is enough.

      EXAMPLES
        buildsrs registry-sync --crate ripgrep --crate hexyl --registry-token-file token
        buildsrs registry-sync --once --crates-file crates.txt
      """)
  @OptionGroup var common: CommonOptions
  @OptionGroup var registry: RegistryOptions
  @OptionGroup var backend: BackendOptions
  @OptionGroup var token: RegistryTokenOptions
  @Option(name: .customLong("crate"), help: "A crate to follow; may be repeated.")
  var crates: [CrateName] = []
  @Option(help: "A file with more names, one a line.", completion: .file())
  var cratesFile: String?
  @Option(help: "Seconds between two looks at the index.") var interval = 60
  @Flag(help: "Look once, and end.") var once = false

  func validate() throws {
    guard !crates.isEmpty || cratesFile != nil else {
      throw ValidationError("name crates with --crate or --crates-file")
    }
    guard interval >= 1 else { throw ValidationError("--interval must be 1 or more") }
  }

  func run() async throws {
    let settings = try common.settings(registry, backend, token)
    installLogging(settings.logLevel)
    let sync = RegistrySync(
      configuration: SyncConfiguration(
        registryURL: settings.registryURL, backendURL: settings.backendURL,
        token: try settings.registryToken(), stateDirectory: settings.stateDirectory,
        crates: crates, cratesFile: cratesFile, interval: .seconds(interval)),
      logger: Logger(label: "registry-sync"))
    guard !once else { return tell(try await sync.syncOnce()) }
    try await ServiceGroup(
      services: [sync], gracefulShutdownSignals: [.sigterm, .sigint],
      logger: Logger(label: "registry-sync")
    ).run()
  }

  private func tell(_ report: SyncReport) {
    for problem in report.problems { Terminal().printError("warning: \(problem)") }
    print(
      "\(report.crates) crates, \(report.unchanged) unchanged; \(report.sent) versions reported, "
        + "\(report.receipt.jobs) jobs made")
  }
}

extension CrateName: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
}
