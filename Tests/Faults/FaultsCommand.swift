import ArgumentParser
import CommandLineSupport
import Foundation
import Postgres

/// The fault test of the farm.
struct FaultsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "farm-faults",
    abstract: "Runs a whole farm, breaks it at random, and checks that nothing is lost.",
    discussion: """
      Real backends and a real PostgreSQL as processes of their own; simulated builders that speak \
      the real protocol. The same seed gives the same schedule of faults.

      Exit codes: 0 all held, 1 something did not, 2 wrong usage.

      EXAMPLES
        farm-faults --minutes 5 --seed 1
        farm-faults --seed 7 --plan
      """)

  @Option(help: "For how long faults are injected.") var minutes = 5.0
  @Option(help: "What the schedule is drawn from (default: random, printed first).")
  var seed: UInt64?
  @Option(help: "How many backends.") var backends = 3
  @Option(help: "How many simulated builders.") var builders = 20
  @Option(help: "How many jobs (default: 300 a minute).") var jobs: Int?
  @Option(help: "How long a lease lasts, in seconds.") var leaseSeconds = 4
  @Option(help: "How long the healed farm may take for what is left to do, in seconds.")
  var drainSeconds = 240
  @Flag(help: "Leave logs, storage and database for a post-mortem.") var keep = false
  @Flag(help: "Print the schedule and end.") var plan = false
  @Flag(help: "Print each fault as it is injected.") var verbose = false
  @Option(help: "Write the report as JSON.", completion: .file()) var json: String?
  @Option(help: "Where `buildsrs` is (default: beside this program).", completion: .directory)
  var programs: String?
  @Option(help: .hidden) var sabotage: Sabotage?

  func validate() throws {
    guard minutes > 0, minutes <= 24 * 60 else {
      throw ValidationError("--minutes must be more than 0")
    }
    guard (1...20).contains(backends), (1...500).contains(builders) else {
      throw ValidationError("--backends must be 1 to 20, --builders 1 to 500")
    }
    guard (jobs ?? 2) >= 2, (2...60).contains(leaseSeconds), drainSeconds > 0 else {
      throw ValidationError("--jobs must be at least 2, --lease-seconds 2 to 60")
    }
  }

  func run() async throws {
    let seed = seed ?? UInt64.random(in: 1...999_999)
    let jobs = jobs ?? max(20, Int(300 * minutes))
    let faults = FaultPlan(
      seed: seed,
      sizes: FaultPlan.Sizes(
        seconds: minutes * 60, backends: backends, builders: builders,
        versions: (jobs + 1) / Farm.targets.count))
    print("seed \(seed), schedule \(faults.digest): \(faults.faults.count) faults")
    fflush(nil)
    guard !plan else {
      for fault in faults.faults { print(fault.line) }
      return
    }
    let directory = try Self.makeDirectory()
    let options = Farm.Options(
      directory: directory, programs: programs ?? Self.ownDirectory, seed: seed,
      backends: backends, builders: builders, leaseSeconds: leaseSeconds, keep: keep,
      isVerbose: verbose)
    let run = FaultRun(
      plan: faults, options: options, drainLimit: .seconds(drainSeconds), sabotage: sabotage)
    let result = await run.uninterrupted()
    if keep {
      print("kept: \(directory)")
      print("its database: buildsrs database start --directory \(directory)/postgres")
    } else {
      try? FileManager.default.removeItem(atPath: directory)
    }
    let report = try result.get()
    print(report.text(for: Terminal()))
    if let json { try report.write(to: json) }
    if !report.holds { throw ExitCode(1) }
  }

  private static var ownDirectory: String {
    URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
      .path(percentEncoded: false)
  }

  /// Where the server's user can enter, too.
  private static func makeDirectory() throws -> String {
    let path = FileManager.default.temporaryDirectory.path + "/farm-faults-\(getpid())"
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o755])
    return path
  }
}
