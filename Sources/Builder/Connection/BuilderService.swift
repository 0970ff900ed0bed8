import Blocking
import BuilderProtocol
import CrateRegistry
import FarmModel
import Foundation
public import Logging
import Transfer
import WebSockets

/// A builder: connects, takes jobs, runs a child for each, uploads, until it is stopped.
///
/// One loop owns the ``BuilderSession`` and performs what it decides; all else are tasks that tell
/// it news.
public struct BuilderService: Sendable {
  /// What the loop hears.
  enum Event: Sendable {
    case connection(ConnectionNews)
    case attempt(AttemptReference, AttemptNews)
    case ended(AttemptReference, AttemptEnd)
    case heartbeatDue(connection: Int)
    case probed([ProbedModule], MachineFacts)
    /// A sweep has ended; a line for each thing that it removed.
    case swept([String])
    case stop(StopRequest)
    case farewellOver
  }

  let configuration: BuilderConfiguration
  let state: StateDirectory
  let identity: BuilderIdentity
  let prober: ModuleProber
  let logger: Logger

  /// - Throws: ``BuilderSetupError`` where the builder's key cannot be read or made.
  public init(
    configuration: BuilderConfiguration, state: StateDirectory, prober: ModuleProber,
    logger: Logger
  ) throws {
    self.configuration = configuration
    self.state = state
    self.identity = try state.identity()
    self.prober = prober
    self.logger = logger
  }

  /// Runs until a stop is asked for and done, or the backend refuses the builder for good.
  /// - Parameter stops: the operator's wishes.
  /// - Throws: ``BuilderSetupError`` where the modules cannot be found at all.
  public func run(stops: AsyncStream<StopRequest> = AsyncStream { _ in }) async throws
    -> BuilderEnding
  {
    let swept = await prober.sweep(owner: identity.owner, alive: [])
    for line in swept { logger.info("\(line)") }
    await offCooperativePool { state.removeWork(except: []) }
    let first = try await probe()
    let (events, continuation) = AsyncStream.makeStream(of: Event.self)
    let client = TransferClient(
      configuration: TransferConfiguration(userAgent: "buildsrs-builder/\(configuration.version)"))
    defer { client.shutdown() }
    let (ending, leavesWork) = await withDiscardingTaskGroup { group in
      group.addTask { await forward(stops, to: continuation) }
      group.addTask { await probeForever(continuation) }
      group.addTask { await pruneForever() }
      group.addTask {
        await BackendConnection(
          addresses: configuration.backends, configuration: WebSocketConfiguration(),
          news: { continuation.yield(.connection($0)) }
        ).run()
      }
      var loop = BuilderLoop(service: self, client: client, events: continuation, first: first)
      for await event in events {
        loop.handle(event, in: &group)
        if let ending = loop.ending {
          group.cancelAll()
          return (ending, loop.hasWork)
        }
      }
      return (.drained, loop.hasWork)
    }
    // Its children were killed before they could tear down.
    if leavesWork {
      for line in await prober.sweep(owner: identity.owner, alive: []) { logger.info("\(line)") }
    }
    return ending
  }

  private func forward(
    _ stops: AsyncStream<StopRequest>, to events: AsyncStream<Event>.Continuation
  ) async {
    for await stop in stops { events.yield(.stop(stop)) }
  }

  private func probe() async throws -> ([ProbedModule], MachineFacts) {
    let modules = try await prober.probeAll()
    let machine = await offCooperativePool { MachineFacts(stateDirectory: state.path) }
    return (modules, machine)
  }

  /// Keeps the crate store below its limit: now, and every hour.
  private func pruneForever() async {
    let (folder, limit) = (state.storeDirectory, configuration.storeLimit)
    while true {
      let pruning = await offCooperativePool { CrateStore.prune(folder: folder, limit: limit) }
      if pruning.removed > 0 {
        logger.info(
          "the crate store had \(pruning.bytesBefore) bytes; \(pruning.removed) crates with \(pruning.bytesFreed) bytes were removed"
        )
      }
      do { try await Task.sleep(for: .seconds(3600)) } catch { return }
    }
  }

  private func probeForever(_ events: AsyncStream<Event>.Continuation) async {
    while true {
      do { try await Task.sleep(for: configuration.probeInterval) } catch { return }
      do {
        let (modules, machine) = try await probe()
        events.yield(.probed(modules, machine))
      } catch {
        logger.warning("the probe failed: \(error)")
      }
    }
  }
}
