import BuilderProtocol
import ExecutorKit
import FarmModel
import SimulatedBuilders

/// How one attempt goes: a function of the seed and of what is built.
struct Script: Sendable {
  enum End: Sendable, Equatable {
    case success(files: Int)
    case failure(FailureClass)
    /// The report names a file that was never uploaded.
    case lie
    /// The builder dies in the middle, and comes back after some seconds.
    case death(seconds: Double)
  }

  let end: End
  /// How long each stage takes, in seconds.
  let stageSeconds: Double
  let chunks: Int

  /// - Parameter isCalm: nothing goes wrong that another try could mend.
  init(seed: UInt64, job: AssignedJob, isCalm: Bool) {
    let inputs = job.plan.inputs
    let subject = [
      inputs.crate, inputs.checksum, inputs.target, String(job.attempt),
      job.isVerification ? "verification" : "",
    ].joined(separator: "|")
    var random = SeededGenerator(seed: seed, of: subject)
    // Short ones mostly, some of which outlast a lease.
    let total = random.index(below: 3) == 0 ? 8.0 : 2.0
    stageSeconds = random.number(in: 0.02...(total / 3))
    chunks = 1 + random.index(below: 4)
    let ends: [(Int, Int)] = isCalm ? [(0, 60), (1, 30), (2, 10)] : Self.weights
    switch random.choice(ends) ?? 0 {
    case 0: end = .success(files: 1)
    case 1: end = .success(files: 2)
    case 2: end = .failure(.compile)
    case 3: end = .failure(.infrastructure)
    case 4: end = .failure(.outOfMemory)
    case 5: end = .lie
    default: end = .death(seconds: random.number(in: 0.2...5))
    }
  }

  private static let weights = [(0, 54), (1, 24), (2, 7), (3, 6), (4, 3), (5, 2), (6, 4)]
}

/// One file of an attempt.
struct ScriptedFile: Sendable, Equatable {
  var name: String
  var kind: ArtifactKind
  var bytes: [UInt8]
}

extension AssignedJob {
  /// What a successful attempt makes. The archive's bytes are of this attempt only, the metadata's
  /// are the same for every attempt of the version.
  func files(_ count: Int) -> [ScriptedFile] {
    let inputs = plan.inputs
    var bytes = Array("archive of job \(job), attempt \(attempt)\n".utf8)
    // Now and then one that takes a while to arrive.
    if job % 8 == 0 {
      bytes += [UInt8](repeating: UInt8(truncatingIfNeeded: attempt), count: 2 << 20)
    }
    let binary = ScriptedFile(name: self.archive, kind: .binary, bytes: bytes)
    let metadata = ScriptedFile(
      name: ArtifactName.metadata(
        crate: inputs.crate, version: inputs.version, target: inputs.target),
      kind: .metadata, bytes: Array("{\"crate\":\"\(inputs.crate)\"}".utf8))
    return Array([binary, metadata].prefix(count))
  }
}
