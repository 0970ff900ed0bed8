import BuilderProtocol
import Cryptography
import Database
import ExecutorKit
import FarmModel
import Foundation
import Logging
import Scheduling
import WebSockets

/// What all connections of builders to this backend share.
struct Gateway: Sendable {
  let database: FarmDatabase
  let recipes: RecipeBook
  let finisher: AttemptFinisher
  let wakeUps: WakeUps
  let terms: GatewaySession.Terms
  let logger: Logger

  /// Serves one builder until its connection ends. The farm goes on whatever happens in here.
  func serve(_ socket: WebSocket, _ messages: WebSocketMessages) async {
    let mailbox = GatewayMailbox()
    let isAwake = Flag()
    let waker = wakeUps.add {
      // One wake-up in the mailbox is enough.
      if isAwake.raise() { mailbox.post.yield(.wake) }
    }
    defer { wakeUps.remove(waker) }
    await withDiscardingTaskGroup { group in
      group.addTask { await mailbox.deliver(messages) }
      group.addTask {
        try? await Task.sleep(for: terms.introduction)
        mailbox.post.yield(.deadline)
      }
      let connection = GatewayConnection(gateway: self, socket: socket, mailbox: mailbox)
      for await event in mailbox.events {
        if case .wake = event { isAwake.lower() }
        let work = await connection.handle(event)
        for piece in work { group.addTask { await piece() } }
        if connection.isOver { break }
      }
      group.cancelAll()
    }
  }

  /// Claims one job; nil: nothing waits for such a builder.
  func claim(builder: Int64, capabilities: Capabilities, origin: String) async throws
    -> AssignedJobs?
  {
    let abilities = Matching.claimable(
      capabilities.buildable, requirements: recipes.rustRequirements)
    let token = Random.token()
    let job = try await database.claim(
      builder: builder, abilities: abilities, memoryBytes: capabilities.slotMemory,
      tokenHash: SHA256.hex(of: token))
    guard let job else { return nil }
    let source = DownloadTemplate.url(
      job.downloadTemplate, crate: job.crate, version: job.version, checksum: job.checksum)
    let assigned = AssignedJob(
      job: job.id, attempt: job.attempt, leaseSeconds: terms.leaseSeconds, plan: job.plan,
      sourceURL: source, sourceChecksum: job.checksum,
      uploadURL: "\(origin)/api/v1/uploads/\(job.id)/\(job.attempt)", uploadToken: token,
      isVerification: job.isVerification)
    return AssignedJobs(
      references: [assigned.reference],
      message: Assign(
        jobs: [assigned], registry: Assign.Registry(downloadTemplate: job.downloadTemplate)))
  }
}

/// What one claim gave.
struct AssignedJobs: Sendable {
  var references: [AttemptReference]
  var message: Assign
}

extension Capabilities {
  /// The targets that can be built for now.
  fileprivate var buildable: [BuildableTarget] {
    targets.compactMap { target in
      guard case .ready(let toolchains) = target.health else { return nil }
      return BuildableTarget(
        Ability(triple: target.triple, executor: target.module), toolchains: toolchains)
    }
  }

  /// Bytes of memory for one slot.
  fileprivate var slotMemory: Int64 { memoryBytes / Int64(max(1, slots)) }
}
