import ArgumentParser
import Backend
import CommandLineSupport
import Database
import FarmModel
import Foundation

/// What is built, and how it went.
struct JobsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "jobs",
    abstract: "Shows jobs, why they are where they are, and changes that.",
    discussion: """
      EXAMPLES
        buildsrs jobs list
        buildsrs jobs list --state failed --crate hexyl --json
        buildsrs jobs show 7
        buildsrs jobs retry 7
        buildsrs jobs cancel 7 8
        buildsrs jobs rebuild --toolchain-older-than 1.96
      """,
    subcommands: [List.self, Show.self, Retry.self, Cancel.self, Rebuild.self])

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists running and waiting jobs in the order in which they are taken.",
      discussion: "Held jobs come last; ended ones, if asked for, by the time of their end.")
    @OptionGroup var common: CommonOptions
    @OptionGroup var database: DatabaseOptions
    @Option(help: "How many at most.") var limit = 50
    @Option(
      help: "Only jobs in this state; repeated, several (default: pending and leased).",
      transform: Self.state)
    var state: [JobState] = []
    @Option(help: "Only jobs for this target.") var target: String?
    @Option(help: "Only jobs of this crate.") var crate: String?
    @Flag(help: "Print JSON.") var json = false

    private static func state(_ text: String) throws -> JobState {
      guard let state = JobState(rawValue: text) else {
        let known = JobState.allCases.map(\.rawValue).joined(separator: ", ")
        throw ValidationError("“\(text)” is no state; the states are \(known)")
      }
      return state
    }

    func validate() throws {
      guard (1...10_000).contains(limit) else {
        throw ValidationError("--limit must be 1 to 10000")
      }
    }

    func run() async throws {
      let (jobs, outlook) = try await common.settings(database).withFarmDatabase { farm in
        var jobs: [StoredJob] = []
        let states = state.isEmpty ? [.pending, .leased] : state
        let ids = try await farm.queuedJobs(
          limit: limit, states: states, target: target, crate: crate)
        for id in ids { if let job = try await farm.job(id) { jobs.append(job) } }
        return (jobs, try await farm.outlook(of: jobs, limits: try await farm.targetLimits()))
      }
      if json { return try printJSON(jobs.map { JobLine($0, outlook[$0.id]) }) }
      var table = TextTable([
        .init("JOB", .right), .init("CRATE"), .init("VERSION"), .init("TARGET"), .init("STATE"),
        .init("CLASS"), .init("ATTEMPT", .right), .init("STARTS IN", .right), .init("WHY"),
      ])
      for job in jobs {
        let outlook = outlook[job.id]
        let start = outlook?.startsInSeconds.map { "\(Int($0.rounded())) s" }
        let why = (outlook?.why ?? "").prefix { $0 != "\n" }.prefix(100)
        let state: TextTable.Cell =
          job.state == .failed ? .init(job.state.rawValue, .red) : .init(job.state.rawValue)
        let begin = [String(job.id), job.crate, job.version, job.target].map { TextTable.Cell($0) }
        let end = [job.jobClass.name, String(job.attempt), start ?? "–", String(why)]
        table.add(begin + [state] + end.map { TextTable.Cell($0) })
      }
      print(table.text(for: Terminal()))
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Shows a job, its attempts, and why it is where it is.")
    @Argument(help: "The job's number.") var job: Int64
    @OptionGroup var common: CommonOptions
    @OptionGroup var database: DatabaseOptions
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
      let (found, attempts, outlook) = try await common.settings(database).withFarmDatabase {
        farm in
        let found = try await farm.job(job)
        return (
          found, try await farm.attempts(ofJob: job),
          try await farm.outlook(
            of: found.map { [$0] } ?? [], limits: try await farm.targetLimits())[job]
        )
      }
      guard let found else { throw CommandFailure("there is no job \(job)") }
      if json { return try printJSON(JobLine(found, outlook, attempts)) }
      print("job \(found.id): \(found.crate) \(found.version) for \(found.target)")
      print("state \(found.state.rawValue), class \(found.jobClass.name), plan \(found.planDigest)")
      if let outlook {
        let start = outlook.startsInSeconds.map { "; begins in about \(Int($0.rounded())) s" } ?? ""
        print(harmless("why: \(outlook.why)\(start)", indent: 2))
      }
      for attempt in attempts {
        let end = attempt.result ?? "runs (\(attempt.stage ?? "claimed"))"
        let why = attempt.failureMessage.map { ": \(attempt.failureClass ?? ""): \($0)" } ?? ""
        // A builder's words: they must neither speak to the terminal nor look like lines of this one.
        print(harmless("attempt \(attempt.attempt) on \(attempt.builder): \(end)\(why)", indent: 2))
      }
    }
  }

  struct Retry: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Gives jobs that failed, were cancelled or are held all their tries anew.")
    @OptionGroup var change: JobChange
    func run() async throws {
      try await change.apply("nothing to retry: it waits, runs or has succeeded") {
        try await $0.retry(job: $1)
      }
    }
  }

  struct Cancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Takes jobs out of the queue; the builder of one that runs is asked to end it.",
      discussion: "They stay out until `jobs retry`, also where a version is yanked and unyanked.")
    @OptionGroup var change: JobChange
    func run() async throws {
      try await change.apply("nothing to cancel: it has ended") { try await $0.cancel(job: $1) }
    }
  }

  struct Rebuild: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Builds jobs once more that have succeeded, or whose check waits or has failed.",
      discussion: """
        They are built and checked by the recipes that are in force. What is published stays until the \
        new build takes its place.
        """)
    @Argument(help: "The jobs' numbers.") var jobs: [Int64] = []
    @Option(help: "All whose published build was made by an older Rust, such as 1.96.")
    var toolchainOlderThan: String?
    @Option(help: "How many of those at most.") var limit = 1000
    @OptionGroup var common: CommonOptions
    @OptionGroup var database: DatabaseOptions
    @Flag(help: "Print JSON.") var json = false

    func validate() throws {
      guard jobs.isEmpty == (toolchainOlderThan != nil) else {
        throw ValidationError("give jobs' numbers, or --toolchain-older-than VERSION")
      }
      guard toolchainOlderThan == nil || Self.numbers(toolchainOlderThan) != nil else {
        throw ValidationError("--toolchain-older-than must be a version such as 1.96")
      }
      guard (1...10_000).contains(limit) else {
        throw ValidationError("--limit must be 1 to 10000")
      }
    }

    func run() async throws {
      let version = Self.numbers(toolchainOlderThan)
      let (jobs, limit) = (jobs, limit)
      let found = try await common.settings(database).withFarmDatabase { farm in
        guard let version else { return jobs }
        return try await farm.jobsBuilt(beforeRust: version, limit: limit)
      }
      guard !found.isEmpty || json else {
        return print("no published build was made by an older Rust")
      }
      var recipes: RecipesInForce?
      var isRead = false
      try await JobChange.apply(
        found, common.settings(database), json: json,
        otherwise: "nothing to rebuild: nothing is published, or it waits for a build or runs"
      ) { farm, job in
        if !isRead { recipes = try await RecipesInForce(farm) }
        isRead = true
        guard let recipes else { return try await farm.rebuild(job: job) }
        return try await recipes.rebuild(job: job)
      }
      if jobs.isEmpty, found.count == limit, !json {
        print("\(limit) jobs, as --limit says: there may be more; the same command finds them")
      }
    }

    private static func numbers(_ text: String?) -> (Int, Int, Int)? {
      let parts = (text ?? "").split(separator: ".", omittingEmptySubsequences: false)
      let numbers = parts.compactMap { $0.count > 6 ? nil : Int($0) }.filter { $0 >= 0 }
      guard (2...3).contains(parts.count), numbers.count == parts.count else { return nil }
      return (numbers[0], numbers[1], numbers.count > 2 ? numbers[2] : 0)
    }
  }

  /// Jobs to which the same is to be done.
  struct JobChange: ParsableArguments {
    @Argument(help: "The jobs' numbers.") var jobs: [Int64]
    @OptionGroup var common: CommonOptions
    @OptionGroup var database: DatabaseOptions
    @Flag(help: "Print JSON.") var json = false

    func apply(
      _ otherwise: String, _ change: (FarmDatabase, Int64) async throws -> OperatedJob?
    ) async throws {
      try await Self.apply(
        jobs, common.settings(database), json: json, otherwise: otherwise, change)
    }

    /// Does it to each; those that it cannot be done to are told at the end.
    static func apply(
      _ jobs: [Int64], _ settings: Settings, json: Bool, otherwise: String,
      _ change: (FarmDatabase, Int64) async throws -> OperatedJob?
    ) async throws {
      let (changed, refused) = try await settings.withFarmDatabase { farm in
        var changed: [OperatedJob] = []
        var refused: [String] = []
        for job in jobs {
          let done: OperatedJob?
          do { done = try await change(farm, job) } catch let error as VersionNotOffered {
            refused.append("job \(job): \(error)")
            continue
          }
          if let done {
            changed.append(done)
          } else if try await farm.job(job) == nil {
            refused.append("there is no job \(job)")
          } else {
            refused.append("job \(job): \(otherwise)")
          }
        }
        return (changed, refused)
      }
      if json {
        try printJSON(changed.map(ChangedJob.init))
      } else {
        for job in changed {
          let state = job.isCancelRequested ? "its builder is asked to end it" : job.state.rawValue
          print("job \(job.id): \(state)")
        }
      }
      if !refused.isEmpty { throw CommandFailure(refused.joined(separator: "\n")) }
    }
  }
}

/// A change as `--json` prints it.
private struct ChangedJob: Encodable {
  let job: Int64
  let state: JobState
  let cancelRequested: Bool

  init(_ job: OperatedJob) {
    self.job = job.id
    state = job.state
    cancelRequested = job.isCancelRequested
  }
}

/// A job as `--json` prints it.
private struct JobLine: Encodable {
  struct Attempt: Encodable {
    let attempt: Int32
    let builder: String
    let result: String?
    let failureClass: String?
    let failureMessage: String?
  }
  let job: Int64
  let crate: String
  let version: String
  let target: String
  let state: JobState
  let `class`: String
  let attempt: Int32
  let failureClass: String?
  let failureMessage: String?
  let hold: JobHold?
  let notBefore: Date?
  let queuePosition: Int?
  let startsInSeconds: Double?
  let why: String?
  let attempts: [Attempt]?

  init(_ job: StoredJob, _ outlook: JobOutlook?, _ attempts: [StoredAttempt]? = nil) {
    hold = job.hold
    notBefore = job.notBefore
    queuePosition = job.position
    startsInSeconds = outlook?.startsInSeconds
    why = outlook?.why
    self.job = job.id
    crate = job.crate
    version = job.version
    target = job.target
    state = job.state
    `class` = job.jobClass.name
    attempt = job.attempt
    failureClass = job.failureClass
    failureMessage = job.failureMessage
    self.attempts = attempts?.map {
      Attempt(
        attempt: $0.attempt, builder: $0.builder, result: $0.result,
        failureClass: $0.failureClass, failureMessage: $0.failureMessage)
    }
  }
}
