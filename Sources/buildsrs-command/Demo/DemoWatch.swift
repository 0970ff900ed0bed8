import CommandLineSupport
import Foundation
import LocalFarm

/// Follows the demo's jobs to their end, and prints what happens to them.
struct DemoWatch {
  let api: FarmAPI
  let console: DemoConsole

  /// The jobs when all have ended.
  /// - Throws: a failure when one did not succeed.
  func untilDone() async throws -> [JobAnswer] {
    let ids = try await jobs()
    var shown: [Int64: String] = [:]
    while true {
      var jobs: [JobAnswer] = []
      for id in ids { jobs.append(try await api.job(id)) }
      for job in jobs where shown[job.id] != describe(job) {
        shown[job.id] = describe(job)
        console.event(line(job), style(job))
      }
      if jobs.allSatisfy(\.isFinal) { return try checked(jobs) }
      console.moving(await lastWords(of: jobs))
      try await Task.sleep(for: .milliseconds(500))
    }
  }

  /// The numbers of the jobs for the newest version of each crate.
  private func jobs() async throws -> [Int64] {
    var ids: [Int64] = []
    for crate in DemoRun.crates {
      guard let newest = try await api.crate(crate).newestVersion else {
        throw CommandFailure("the registry has no version of \(crate) with a binary")
      }
      let targets = try await api.version(crate, newest).targets
      for target in DemoRun.targets {
        guard let job = targets.first(where: { $0.target == target })?.job else {
          throw CommandFailure("the farm has no job for \(crate) \(newest) and \(target)")
        }
        ids.append(job)
      }
    }
    return ids
  }

  private func describe(_ job: JobAnswer) -> String {
    switch job.state {
    case "leased": job.attempts.last?.stage ?? "claimed"
    case "pending":
      job.failure.map { "waits for another try after \($0.failureClass): \($0.message)" }
        ?? "waits"
    case "succeeded":
      "published" + (job.build.map { " after \(Int($0.seconds.values.reduce(0, +))) s" } ?? "")
    default: job.failure.map { "\($0.failureClass): \($0.message)" } ?? job.state
    }
  }

  private func line(_ job: JobAnswer) -> String {
    let name = "\(job.crate) \(job.version)".padding(toLength: 18, withPad: " ", startingAt: 0)
    return
      "\(name) \(job.target.padding(toLength: 27, withPad: " ", startingAt: 0)) \(describe(job))"
  }

  private func style(_ job: JobAnswer) -> TextStyle? {
    switch job.state {
    case "succeeded": .green
    case "failed", "cancelled": .red
    default: nil
    }
  }

  /// The last line of the log of what is being built, for the line that moves.
  private func lastWords(of jobs: [JobAnswer]) async -> String {
    guard let running = jobs.first(where: { $0.state == "leased" }) else { return "" }
    let log = (try? await api.log(running.id)) ?? ""
    return log.split(separator: "\n").last.map {
      "      \($0.filter { !$0.isNewline && $0 != "\u{1B}" })"
    } ?? ""
  }

  private func checked(_ jobs: [JobAnswer]) throws -> [JobAnswer] {
    let lost = jobs.filter { $0.state != "succeeded" }
    guard lost.isEmpty else {
      let urls = lost.map { "\(api.origin)/api/v1/jobs/\($0.id)/log" }
      throw CommandFailure(
        "\(lost.count) of \(jobs.count) builds did not succeed; their logs: "
          + urls.joined(separator: " "))
    }
    return jobs
  }
}
