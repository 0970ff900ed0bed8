import Blocking
import BuildPipeline
import BuilderProtocol
import ExecutorKit
import FarmModel
import Foundation
import Transfer

/// What an attempt tells while it runs.
enum AttemptNews: Sendable {
  case stage(BuildStage)
  /// A chunk of the log, at most 64 KiB.
  case log(String)
}

/// How an attempt's work ended.
struct AttemptEnd: Sendable {
  /// Nil: the backend took no more uploads, the lease is lost.
  var outcome: AttemptOutcome?
  var report: BuildReport?
  /// Something may be left on the machine: sweep.
  var needsSweep = false
}

/// Runs one attempt: its directory, its child, its uploads.
struct AttemptRunner: Sendable {
  let job: AssignedJob
  let downloadTemplate: String
  let owner: String
  let program: HostProgram
  /// The module's shared library; nil: this builder does not have it.
  let module: String?
  let filesDirectory: String
  let cacheDirectory: String
  let compileCache: CompileCache?
  let state: StateDirectory
  let client: TransferClient
  /// Added to the plan's time limit before a silent child is killed: fetching and preparing take
  /// their time too.
  let silenceMargin: Duration
  let control: HostControl

  /// Runs to the end. Cancel by `control`; the surrounding task's cancellation kills the child.
  func run(news: @escaping @Sendable (AttemptNews) -> Void) async -> AttemptEnd {
    let work = state.workDirectory(job: job.job, attempt: job.attempt)
    let end = await withTaskGroup(of: AttemptEnd?.self) { group in
      let pump = LogPump { news(.log($0)) }
      group.addTask {
        await pump.run()
        return nil
      }
      group.addTask { await attempt(work, pump, news) }
      var end = AttemptEnd()
      while let next = await group.next() {
        guard let next else { continue }
        end = next
        group.cancelAll()
      }
      await pump.flush()
      return end
    }
    _ = await offCooperativePool { removeTree(work) }
    return end
  }

  private func attempt(
    _ work: String, _ pump: LogPump, _ news: @escaping @Sendable (AttemptNews) -> Void
  ) async -> AttemptEnd {
    do {
      guard let module else {
        throw ExecutorFailure(
          .infrastructure, "this builder has no module “\(job.plan.inputs.executor)”")
      }
      try await offCooperativePool {
        removeTree(work)
        try FileManager.default.createDirectory(
          atPath: work, withIntermediateDirectories: true,
          attributes: [.posixPermissions: 0o755])
      }
      let (outcome, report) = try await build(module, work, pump, news)
      await pump.flush()
      guard outcome == .succeeded, let report else {
        return AttemptEnd(outcome: outcome, report: nil)
      }
      return try await upload(report, work, news)
    } catch let failure as HostFailure {
      return AttemptEnd(
        outcome: failure.outcome, report: nil, needsSweep: failure.mayLeaveThingsBehind)
    } catch {
      return AttemptEnd(outcome: Self.outcome(of: error), report: nil)
    }
  }

  private func build(
    _ module: String, _ work: String, _ pump: LogPump,
    _ news: @escaping @Sendable (AttemptNews) -> Void
  ) async throws -> (AttemptOutcome, BuildReport?) {
    let request = HostBuildRequest(
      identity: AttemptIdentity(owner: owner, job: job.job, attempt: job.attempt),
      plan: job.plan, sourceURL: job.sourceURL, downloadTemplate: downloadTemplate,
      workDirectory: work, storeDirectory: state.storeDirectory, filesDirectory: filesDirectory,
      cacheDirectory: cacheDirectory,
      hostPartsDirectory: state.hostPartsDirectory, compileCache: compileCache,
      isIndependent: job.isVerification, check: job.check)
    let final = try await program.run(
      .build(request), module: module,
      silenceLimit: .seconds(job.plan.limits.timeSeconds) + silenceMargin, control: control,
      errorFile: work + ".stderr"
    ) { event in
      switch event {
      case .log(let text): await pump.add(text)
      case .stage(let stage): news(.stage(stage))
      default: break
      }
    }
    guard case .finished(let outcome, let report) = final else {
      throw HostFailure(kind: .malformed, detail: "it answered something else than it was asked")
    }
    return (outcome, report)
  }

  /// Uploads while nobody cancels: a lost lease ends it.
  private func upload(
    _ report: BuildReport, _ work: String, _ news: @Sendable (AttemptNews) -> Void
  ) async throws -> AttemptEnd {
    news(.stage(.upload))
    let start = ContinuousClock.now
    let uploader = ArtifactUploader(
      client: client, uploadURL: job.uploadURL, token: job.uploadToken)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await uploader.upload(report.artifacts, from: work + "/artifacts") }
      group.addTask {
        guard await control.wasCancelled() else { return }
        throw HostFailure(kind: .cancelled, detail: "")
      }
      try await group.next()
      group.cancelAll()
    }
    var whole = report
    whole.seconds[BuildStage.upload.rawValue] = (ContinuousClock.now - start) / .seconds(1)
    return AttemptEnd(outcome: .succeeded, report: whole)
  }

  private static func outcome(of error: any Error) -> AttemptOutcome? {
    switch error {
    case UploadFailure.stale: nil
    case let failure as ExecutorFailure: .failed(failure.failureClass, message: failure.message)
    case is CancellationError: .failed(.cancelled, message: "cancelled")
    default: .failed(.infrastructure, message: "\(error)")
    }
  }
}
