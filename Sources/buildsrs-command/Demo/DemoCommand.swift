import ArgumentParser
import CommandLineSupport
import Dispatch
import Foundation

/// The main job on this machine, from a registry to a verified binary that runs.
struct DemoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Builds two programs through a whole farm on this machine, and runs one.",
    discussion: """
      Starts database, registry, backend, registry sync and a builder, builds hexyl and ripgrep for \
      two architectures, downloads one through the public API, verifies its signature and checksum, \
      runs it, and stops everything again. Use ./bootstrap demo, which installs and builds first \
      what this needs.

      EXAMPLES
        ./bootstrap demo
        ./bootstrap demo --keep      leaves the farm running
        ./bootstrap demo --stop      stops it
        ./bootstrap demo --reuse     keeps the results of the last run
        ./bootstrap demo --registry crates.io
      """)

  @Flag(help: "Leave the farm running, and print where it is.") var keep = false
  @Flag(help: "Stop the farm that --keep has left running.") var stop = false
  @Flag(help: "Keep the last run's database and artifacts: what is built already is not again.")
  var reuse = false
  @Option(
    help: """
      crates.io, or a sparse index (sparse+https://…); default: the registry of Debian's crates \
      that ./bootstrap registry makes.
      """)
  var registry: String?
  @Option(help: "How many builds run at once.") var slots = 1

  func validate() throws {
    guard (1...64).contains(slots) else { throw ValidationError("--slots must be 1 to 64") }
    guard !(stop && (keep || reuse)) else {
      throw ValidationError("--stop goes with no other option")
    }
  }

  func run() async throws {
    let place = DemoPlace()
    if stop { return try await KeptFarm.stop(place) }
    let options = DemoRun.Options(keep: keep, reuse: reuse, registry: registry, slots: slots)
    let work = Task { try await DemoRun(place: place, options: options).run() }
    let signals = [SIGINT, SIGTERM].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number)
      source.setEventHandler { work.cancel() }
      source.resume()
      return source
    }
    defer { for source in signals { source.cancel() } }
    do { try await work.value } catch is CancellationError {
      throw CommandFailure("stopped before its end")
    }
  }
}

/// Where the demo keeps its things, below the working directory.
struct DemoPlace: Sendable {
  let root = URL(filePath: ".local/demo").standardizedFileURL.path(percentEncoded: false)
  var state: String { "\(root)/state" }
  var keptFarm: String { "\(root)/farm.json" }
  var downloads: String { "\(root)/downloads" }
  /// The database's name in the embedded cluster.
  let database = "demo"
}
