import ArgumentParser
import CommandLineSupport
import Database
import FarmModel
import Foundation

/// What is built, and how it went.
struct JobsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "jobs",
    abstract: "Shows jobs and their attempts.",
    discussion: """
      EXAMPLES
        buildsrs jobs list
        buildsrs jobs show 7
      """,
    subcommands: [List.self, Show.self])

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists running and waiting jobs in the order in which they are taken.")
    @OptionGroup var common: CommonOptions
    @OptionGroup var database: DatabaseOptions
    @Option(help: "How many at most.") var limit = 50
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
      let jobs = try await common.settings(database).withFarmDatabase { farm in
        var jobs: [StoredJob] = []
        for id in try await farm.queuedJobs(limit: limit) {
          if let job = try await farm.job(id) { jobs.append(job) }
        }
        return jobs
      }
      if json { return try printJSON(jobs.map { JobLine($0) }) }
      var table = TextTable([
        .init("JOB", .right), .init("CRATE"), .init("VERSION"), .init("TARGET"), .init("STATE"),
        .init("CLASS"), .init("ATTEMPT", .right), .init("WHY"),
      ])
      for job in jobs {
        table.add([
          .init(String(job.id)), .init(job.crate), .init(job.version), .init(job.target),
          .init(job.state.rawValue), .init(job.jobClass.name), .init(String(job.attempt)),
          .init(job.failureMessage ?? ""),
        ])
      }
      print(table.text(for: Terminal()))
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Shows a job and its attempts.")
    @Argument(help: "The job's number.") var job: Int64
    @OptionGroup var common: CommonOptions
    @OptionGroup var database: DatabaseOptions
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
      let (found, attempts) = try await common.settings(database).withFarmDatabase { farm in
        (try await farm.job(job), try await farm.attempts(ofJob: job))
      }
      guard let found else { throw CommandFailure("there is no job \(job)") }
      if json { return try printJSON(JobLine(found, attempts)) }
      print("job \(found.id): \(found.crate) \(found.version) for \(found.target)")
      print("state \(found.state.rawValue), class \(found.jobClass.name), plan \(found.planDigest)")
      if let message = found.failureMessage { print("\(found.failureClass ?? ""): \(message)") }
      for attempt in attempts {
        let end = attempt.result ?? "runs (\(attempt.stage ?? "claimed"))"
        let why = attempt.failureMessage.map { ": \(attempt.failureClass ?? ""): \($0)" } ?? ""
        print("attempt \(attempt.attempt) on \(attempt.builder): \(end)\(why)")
      }
    }
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
  let attempts: [Attempt]?

  init(_ job: StoredJob, _ attempts: [StoredAttempt]? = nil) {
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
