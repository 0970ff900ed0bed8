import ArgumentParser
import Builder
import BuilderProtocol
import CommandLineSupport
import Foundation
import Logging
import UnixSignals

struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Takes jobs from a backend and builds them until it is stopped.",
    discussion: """
      The first SIGTERM or Ctrl-C stops taking jobs and waits for the running ones, at most --grace \
      seconds; a second one cancels them. A farm that does not know the builder's key lets it wait \
      until an operator runs `buildsrs builders approve`, or lets it in at once with an invitation.

      EXAMPLES
        buildsrs-builder run --backend-url http://127.0.0.1:8080
        buildsrs-builder run --name alpha --slots 2 --labels site=cellar \\
          --enrolment-token-file invitation.txt
      """)

  @OptionGroup var machine: MachineOptions
  @OptionGroup var enrolment: EnrolmentOptions
  @OptionGroup var cache: CompileCacheOptions

  @Option(
    help: """
      An origin of the backend; repeated, they are tried in turn (default: http://127.0.0.1:8080).
      """)
  var backendUrl: [String] = []

  @Option(help: "The builder's name, for people (default: the host's name).")
  var name: String?

  @Option(help: "How many attempts run at once (default: half of the cores).")
  var slots: Int?

  @Option(help: ArgumentHelp("A fact about this builder; may be repeated.", valueName: "key=value"))
  var labels: [String] = []

  @Option(
    help: ArgumentHelp(
      "How large the crate store may become (default: 20).", valueName: "GiB"))
  var storeLimit: Int64 = 20

  @Option(
    help: ArgumentHelp(
      "How long running attempts may take after the first signal.", valueName: "seconds"))
  var grace = 600

  func validate() throws {
    if let slots, slots < 1 { throw ValidationError("--slots must be at least 1") }
    guard (1...1 << 20).contains(storeLimit) else {
      throw ValidationError("--store-limit must be a number of GiB, at least 1")
    }
    if grace < 0 { throw ValidationError("--grace cannot be negative") }
    if let bad = labels.first(where: { !$0.contains("=") || $0.hasPrefix("=") }) {
      throw ValidationError("--labels \(bad): KEY=VALUE is expected")
    }
  }

  func run() async throws {
    let settings = try machine.settings(enrolment, Flags(flags: [.backendURL: backendUrl]))
    let state: StateDirectory
    let service: BuilderService
    do {
      state = try StateDirectory(path: settings.stateDirectory)
      service = try BuilderService(
        configuration: try configuration(settings), state: state,
        prober: try settings.prober(scratch: state.path), logger: Logger(label: "builder"))
    } catch let error as BuilderSetupError {
      throw CommandFailure(error.description, exitCode: .usage)
    }
    let ending = try await runUntilStopped(service)
    if case .refused(let reason, let message) = ending {
      throw CommandFailure("the backend refused this builder (\(reason.rawValue)): \(message)")
    }
  }

  private func configuration(_ settings: Settings) throws -> BuilderConfiguration {
    let urls = backendUrl.isEmpty ? [settings.backendURL] : backendUrl
    let backends: [BackendAddress]
    do { backends = try urls.map { try BackendAddress($0) } } catch {
      throw CommandFailure.usage("--backend-url: \(error)")
    }
    return BuilderConfiguration(
      backends: backends, name: name ?? ProcessInfo.processInfo.hostName, version: programVersion,
      slots: slots ?? max(1, ProcessInfo.processInfo.activeProcessorCount / 2),
      labels: Dictionary(labels.map(Self.label)) { _, last in last },
      enrolmentToken: try settings.enrolmentTokenFile.map(Self.token), grace: .seconds(grace),
      storeLimit: storeLimit << 30, compileCache: try cache.resolved())
  }

  private static func label(_ text: String) -> (String, String) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    return (String(parts[0]), String(parts[1]))
  }

  private static func token(_ file: String) throws -> String {
    guard let data = FileManager.default.contents(atPath: file) else {
      throw CommandFailure.usage(
        "the invitation \(file) cannot be read; make one with `buildsrs builders invite`")
    }
    let text = String(decoding: data, as: UTF8.self)
      .trimmingCharacters(in: .whitespacesAndNewlines)
    guard !text.isEmpty else { throw CommandFailure.usage("the invitation \(file) is empty") }
    return text
  }

  private func runUntilStopped(_ service: BuilderService) async throws -> BuilderEnding {
    let (stops, wishes) = AsyncStream.makeStream(of: StopRequest.self)
    return try await withThrowingTaskGroup(of: BuilderEnding?.self) { group in
      let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
      group.addTask {
        var wish = StopRequest.drain
        for await _ in signals {
          wishes.yield(wish)
          wish = .cancel
        }
        return nil
      }
      group.addTask { try await service.run(stops: stops) }
      defer { group.cancelAll() }
      while let end = try await group.next() { if let end { return end } }
      return .drained
    }
  }
}
