public import ArgumentParser
import CommandLineSupport
public import FarmModel
import Foundation
import Logging
import RegistrySync
import ServiceLifecycle
import Transfer
import UnixSignals

/// Follows a registry.
struct RegistrySyncCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "registry-sync",
    abstract: "Follows a registry's index and tells the backend what is new.",
    discussion: """
      A git index lists all its crates: it is cloned into the state directory, and only what differs \
      between two commits is sent. With a sparse index name the crates; each is looked at with a \
      conditional request. New, changed, yanked and deleted versions are reported; then .crate files \
      that the backend asks for are looked into. What the backend has acknowledged is kept in the \
      state directory: a sync that was killed goes on where it was. Of several processes one is \
      active; another takes over when it ends.

      EXAMPLES
        buildsrs registry-sync --crate ripgrep --crate hexyl --registry-token-file token
        buildsrs registry-sync --once --crates-file crates.txt
        buildsrs registry-sync --registry-url git+https://github.com/rust-lang/crates.io-index
      """)
  @OptionGroup var common: CommonOptions
  @OptionGroup var registry: RegistryOptions
  @OptionGroup var api: RegistryAPIOptions
  @OptionGroup var backend: BackendOptions
  @OptionGroup var token: RegistryTokenOptions
  @OptionGroup var deletion: MassDeletionOptions
  @Option(name: .customLong("crate"), help: "A crate to follow; may be repeated.")
  var crates: [CrateName] = []
  @Option(help: "A file with more names, one a line.", completion: .file())
  var cratesFile: String?
  @Option(help: "Seconds between two looks at the index.") var interval = 60
  @Flag(help: "Look once, and end.") var once = false

  func validate() throws {
    guard interval >= 1 else { throw ValidationError("--interval must be 1 or more") }
  }

  func run() async throws {
    let settings = try common.settings(registry, api, backend, token, deletion)
    guard !crates.isEmpty || cratesFile != nil || settings.registryURL.hasPrefix("git+") else {
      throw CommandFailure.usage(
        "name crates with --crate or --crates-file, or follow a git index: a sparse one lists none")
    }
    let line = ProgressLine()
    installLogging(settings.logLevel) { line.hide() }
    var configuration = SyncConfiguration(
      registryURL: settings.registryURL, backendURL: settings.backendURL,
      token: try settings.registryToken(), stateDirectory: settings.stateDirectory,
      crates: crates, cratesFile: cratesFile, interval: .seconds(interval),
      asksAPI: settings.asksRegistryAPI)
    configuration.allowsMassDeletion = settings.allowsMassDeletion
    let sync = RegistrySync(
      configuration: configuration,
      client: TransferClient(configuration: .init(prefersMultiplexing: true)),
      logger: Logger(label: "registry-sync"), progress: { line.show($0) })
    guard !once else {
      defer { line.end() }
      return tell(try await sync.syncOnce(), line)
    }
    try await ServiceGroup(
      services: [sync], gracefulShutdownSignals: [.sigterm, .sigint],
      logger: Logger(label: "registry-sync")
    ).run()
  }

  private func tell(_ report: SyncReport, _ line: ProgressLine) {
    line.end()
    for problem in report.problems { Terminal().printError("warning: \(problem)") }
    if report.problemCount > report.problems.count {
      Terminal().printError(
        "warning: and \(report.problemCount - report.problems.count) more, which the log tells")
    }
    print(
      "\(report.crates) crates, \(report.unchanged) unchanged; \(report.sent) versions reported, "
        + "\(report.looked) looked into, \(report.receipt.jobs) jobs made")
  }
}

extension CrateName: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
}
