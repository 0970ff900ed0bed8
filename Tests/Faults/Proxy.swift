import NIOCore
import NIOPosix
import Synchronization

/// Stands between builders and one backend: everything passes through it, late, or not at all.
final class Proxy: Sendable {
  private struct State {
    var upstream: Int?
    var delay = Duration.zero
    var heldUntil = ContinuousClock.now
    var refusedUntil = ContinuousClock.now
    /// The builders' sides of open connections.
    var connections: [ObjectIdentifier: any Channel] = [:]
  }
  typealias Link = NIOAsyncChannel<ByteBuffer, ByteBuffer>

  /// Where builders connect.
  let port: Int
  private let listener: NIOAsyncChannel<Link, Never>
  private let state = Mutex(State())

  var url: String { "http://127.0.0.1:\(port)" }

  init() async throws {
    listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .bind(host: "127.0.0.1", port: 0) { channel in
        channel.eventLoop.makeCompletedFuture { try Self.link(channel) }
      }
    port = listener.channel.localAddress?.port ?? 0
  }

  /// Serves until the task is cancelled.
  func run() async {
    try? await listener.executeThenClose { links in
      await withDiscardingTaskGroup { group in
        do {
          for try await link in links { group.addTask { await self.serve(link) } }
        } catch {}
        group.cancelAll()
      }
    }
  }

  // MARK: Faults

  /// The backend's own port; nil: connections are refused.
  func lead(to port: Int?) { state.withLock { $0.upstream = port } }

  func delay(by delay: Duration) { state.withLock { $0.delay = delay } }

  func hold(for duration: Duration) {
    state.withLock { $0.heldUntil = ContinuousClock.now + duration }
  }

  func refuse(for duration: Duration) {
    state.withLock { $0.refusedUntil = ContinuousClock.now + duration }
  }

  /// Cuts some of the connections.
  /// - Returns: how many.
  func cut(_ isChosen: () -> Bool) -> Int {
    let channels = state.withLock { Array($0.connections.values) }.filter { _ in isChosen() }
    for channel in channels { channel.close(promise: nil) }
    return channels.count
  }

  /// Everything passes again.
  func heal() {
    state.withLock {
      $0.delay = .zero
      $0.heldUntil = ContinuousClock.now
      $0.refusedUntil = ContinuousClock.now
    }
  }

  // MARK: Connections

  private static func link(_ channel: any Channel) throws -> Link {
    try NIOAsyncChannel(wrappingChannelSynchronously: channel)
  }

  private func serve(_ near: Link) async {
    let target = state.withLock { state in
      state.refusedUntil > ContinuousClock.now ? nil : state.upstream
    }
    let id = ObjectIdentifier(near.channel)
    state.withLock { $0.connections[id] = near.channel }
    defer { state.withLock { _ = $0.connections.removeValue(forKey: id) } }
    try? await near.executeThenClose { fromBuilder, toBuilder in
      guard let target else { return }
      let far = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .connectTimeout(.seconds(5))
        .connect(host: "127.0.0.1", port: target) { channel in
          channel.eventLoop.makeCompletedFuture { try Self.link(channel) }
        }
      try await far.executeThenClose { fromBackend, toBackend in
        await withTaskGroup(of: Void.self) { group in
          group.addTask { await self.pass(fromBuilder, toBackend) }
          group.addTask { await self.pass(fromBackend, toBuilder) }
          // One side has ended: so does the other.
          await group.next()
          group.cancelAll()
        }
      }
    }
  }

  private func pass(
    _ source: NIOAsyncChannelInboundStream<ByteBuffer>,
    _ target: NIOAsyncChannelOutboundWriter<ByteBuffer>
  ) async {
    do {
      for try await bytes in source {
        try await wait()
        try await target.write(bytes)
      }
    } catch {}
  }

  /// As long as nothing may pass; a hold may be lengthened or ended meanwhile.
  private func wait() async throws {
    let delay = state.withLock(\.delay)
    if delay > .zero { try await Task.sleep(for: delay) }
    while state.withLock(\.heldUntil) > ContinuousClock.now {
      try await Task.sleep(for: .milliseconds(20))
    }
  }
}
