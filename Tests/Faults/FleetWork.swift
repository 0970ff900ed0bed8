import BuilderProtocol
import Cryptography
import ExecutorKit
import FarmModel
import Foundation
import SimulatedBuilders
import Transfer
import WebSockets

extension FleetBuilder {
  /// Does what the script of an attempt says.
  func work(_ job: AssignedJob, _ life: Int) async {
    let script = Script(seed: fleet.seed, job: job, isCalm: fleet.isCalm.isOn)
    var sequence = 0
    for stage in [BuildStage.fetch, .build, .package] {
      guard await goesOn(job, life, after: script.stageSeconds) else { return }
      await send(.progress(Progress(job: job.job, attempt: job.attempt, stage: stage)))
      for _ in 0..<script.chunks {
        sequence += 1
        await log(job, sequence, "\(stage.rawValue) of \(job.reference.text)\n")
      }
    }
    switch script.end {
    case .success(let files): await deliver(job, life, job.files(files))
    case .lie: await lie(job)
    case .failure(let failure): await finish(job, .failed(failure, message: "as scripted"))
    case .death(let seconds):
      fleet.book.count("scripted deaths")
      die(for: seconds)
    }
  }

  /// Whether the attempt is still this builder's after a while.
  private func goesOn(_ job: AssignedJob, _ life: Int, after seconds: Double) async -> Bool {
    try? await Task.sleep(for: .seconds(seconds))
    await thaw()
    guard !Task.isCancelled, life == self.life, let work = works[job.reference],
      work.finished == nil
    else { return false }
    guard work.isCancelled else { return true }
    await finish(job, .failed(.cancelled, message: "the backend wanted it"))
    return false
  }

  // MARK: Ends

  private func deliver(_ job: AssignedJob, _ life: Int, _ files: [ScriptedFile]) async {
    for file in files {
      switch await upload(file, of: job, life) {
      case .done: continue
      case .gone: return
      case .refused:
        return await finish(job, .failed(.infrastructure, message: "uploads are refused"))
      }
    }
    await finish(job, .succeeded, report: job.report(files))
  }

  private func lie(_ job: AssignedJob) async {
    await finish(job, .succeeded, report: job.report(job.files(1)))
  }

  private func finish(
    _ job: AssignedJob, _ outcome: AttemptOutcome, report: BuildReport? = nil
  ) async {
    // It may have been lost, or its builder have died, a moment ago.
    guard works[job.reference] != nil else { return }
    let finished = Finished(
      job: job.job, attempt: job.attempt, outcome: outcome, report: report)
    works[job.reference]?.finished = finished
    switch outcome {
    case .succeeded:
      let files = report?.artifacts ?? []
      fleet.book.sent(
        job.reference, .success(Dictionary(files.map { ($0.name, $0.sha256) }) { $1 }))
    case .failed(let failure, _): fleet.book.sent(job.reference, .failure(failure))
    }
    await send(.finished(finished))
    guard finishesTwice else { return }
    finishesTwice = false
    fleet.book.count("finished twice")
    await send(.finished(finished))
  }

  // MARK: Messages

  /// Sends where there is a connection; else it is lost, as in a broken one.
  func send(_ message: BuilderMessage) async {
    guard let socket, let text = try? message.encoded() else { return }
    try? await socket.send(text)
  }

  private func log(_ job: AssignedJob, _ sequence: Int, _ text: String) async {
    let chunk = LogChunk(job: job.job, attempt: job.attempt, sequence: sequence, text: text)
    works[job.reference]?.log.append(chunk)
    await send(.log(chunk))
  }

  // MARK: Uploads

  private enum UploadEnd { case done, gone, refused }

  /// Uploads to any backend, again and again while the lease lasts.
  private func upload(_ file: ScriptedFile, of job: AssignedJob, _ life: Int) async -> UploadEnd {
    var stale = 0
    while await goesOn(job, life, after: stale == 0 ? 0.001 : 0.4) {
      switch await put(file, of: job) {
      case 201?: return .done
      case 409?:
        stale += 1
        fleet.book.count("uploads told stale")
        // A heartbeat may revive the lease.
        if stale == 8 { return .refused }
      case 401?, 400?, 422?:
        fleet.book.violated("the upload of \(file.name) for \(job.reference.text) was refused")
        return .refused
      default:
        fleet.book.count("uploads again")
        try? await Task.sleep(for: .milliseconds(200))
      }
    }
    return .gone
  }

  /// - Returns: the status; nil: there was no answer.
  private func put(_ file: ScriptedFile, of job: AssignedJob) async -> Int? {
    let origin = fleet.origins[random.index(below: fleet.origins.count)]
    guard let path = job.uploadURL.range(of: "/api/") else { return nil }
    let digest = Data(SHA256.digest(of: file.bytes)).base64EncodedString()
    let request = TransferRequest(
      method: "PUT", url: origin + job.uploadURL[path.lowerBound...] + "/" + file.name,
      headers: [
        "Authorization": "Bearer \(job.uploadToken)", "Content-Digest": "sha-256=:\(digest):",
      ], body: .bytes(file.bytes), timeout: .seconds(5))
    fleet.book.count("uploads")
    return try? await fleet.client.perform(request).status
  }
}

extension AssignedJob {
  func report(_ files: [ScriptedFile]) -> BuildReport {
    var report = report(files.first?.bytes ?? [])
    report.artifacts = files.map {
      ArtifactReport(
        name: $0.name, kind: $0.kind, size: Int64($0.bytes.count),
        sha256: SHA256.hex(of: $0.bytes))
    }
    return report
  }
}
