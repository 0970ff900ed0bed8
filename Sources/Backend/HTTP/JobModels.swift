import Database
import ExecutorKit
import FarmModel
import Foundation

/// A job's page: its state, its attempts and what its build found out.
struct JobPage: Encodable {
  struct Attempt: Encodable {
    var attempt: Int32
    var builder: String
    var stage: String?
    var startedAt: Date
    var finishedAt: Date?
    var result: String?
    var failure: Failure?
    var logBytes: Int64
  }
  var id: Int64
  var crate: String
  var version: String
  var target: String
  var state: String
  var jobClass: String
  var planDigest: String
  var plan: Plan
  /// How many jobs come before it; nil where it does not wait.
  var queuePosition: Int?
  /// Why it is where it is, in one sentence.
  var why: String?
  /// An estimate for a waiting job, from what jobs of its target have taken of late.
  var startsInSeconds: Double?
  /// `backoff` or `suspect`: why it is not given to a builder now; nil: it may be.
  var hold: String?
  var retriesLeft: Int
  var notBefore: Date?
  var failure: Failure?
  var createdAt: Date
  var finalizedAt: Date?
  var attempts: [Attempt]
  /// Whether the job builds a published build once more, to compare, and publishes nothing.
  var isVerification: Bool
  /// Whether what is served is only started once more, as its recipe wants by now, and nothing is built.
  var isCheck: Bool
  /// What is served, with inspection, smoke runs and environment.
  var build: Build?
  var log: String

  private enum CodingKeys: String, CodingKey {
    case id, crate, version, target, state, planDigest, plan, queuePosition, why, hold
    case startsInSeconds, retriesLeft
    case notBefore, failure, createdAt, finalizedAt, attempts, build, log, isVerification, isCheck
    case jobClass = "class"
  }

  init(
    _ job: StoredJob, outlook: JobOutlook?, attempts: [StoredAttempt], build: StoredBuild?,
    logURL: String
  ) throws {
    id = job.id
    crate = job.crate
    version = job.version
    target = job.target
    state = job.state.rawValue
    jobClass = job.jobClass.name
    planDigest = job.planDigest
    plan = try JSONDecoder().decode(Plan.self, from: Data(job.plan.utf8))
    queuePosition = job.position
    why = outlook?.why
    startsInSeconds = outlook?.startsInSeconds
    hold = job.hold?.rawValue
    retriesLeft = job.retriesLeft
    notBefore = job.notBefore
    failure = Failure(job.failureClass, job.failureMessage)
    createdAt = job.createdAt
    finalizedAt = job.finalizedAt
    isVerification = job.verifies != nil
    isCheck = job.isOnlyCheck
    self.attempts = attempts.map(Attempt.init)
    self.build = try build.map(Build.init)
    log = logURL
  }
}

extension JobPage.Attempt {
  init(_ attempt: StoredAttempt) {
    self.init(
      attempt: attempt.attempt, builder: attempt.builder, stage: attempt.stage,
      startedAt: attempt.startedAt, finishedAt: attempt.finishedAt, result: attempt.result,
      failure: Failure(attempt.failureClass, attempt.failureMessage), logBytes: attempt.logBytes)
  }
}
