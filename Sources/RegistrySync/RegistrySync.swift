import Blocking
import CrateRegistry
import FarmModel
import Foundation
public import Logging
public import ServiceLifecycle
public import Transfer

/// Follows a registry: reports new, changed, yanked and deleted versions to the backend, and what is in
/// the `.crate` files that the backend asks for.
///
/// Only the sync that has the backend's lease is active; others wait, and one of them takes over.
public struct RegistrySync: Service {
  private let configuration: SyncConfiguration
  private let client: TransferClient
  private let retries: TransferRetryPolicy
  private let logger: Logger
  private let tell: @Sendable (SyncProgress) -> Void
  private let folder: SyncFolder
  private let backend: BackendClient

  /// - Parameters:
  ///   - client: sends to the registry and to the backend.
  ///   - retries: how requests are repeated within one sync.
  ///   - progress: is told how far a sync is, often.
  public init(
    configuration: SyncConfiguration, client: TransferClient = TransferClient(),
    retries: TransferRetryPolicy = .init(), logger: Logger,
    progress: @escaping @Sendable (SyncProgress) -> Void = { _ in }
  ) {
    self.configuration = configuration
    self.client = client
    self.retries = retries
    self.logger = logger
    tell = progress
    folder = SyncFolder(stateDirectory: configuration.stateDirectory)
    backend = BackendClient(
      backendURL: configuration.backendURL, token: configuration.token, client: client,
      retries: retries)
  }

  /// Syncs all crates once, and looks into all `.crate` files that the backend asks for. Waits while
  /// another sync is active.
  ///
  /// Bad index lines and bad `.crate` files are problems in the report and stop nothing.
  /// - Throws: ``SyncError`` where the registry or the backend as a whole cannot be used.
  public func syncOnce() async throws(SyncError) -> SyncReport {
    // What cannot be right is told before anything is waited for.
    _ = try openIndex()
    _ = try await crateList()
    return try await withLease { (lease) async throws(SyncError) in
      try await sync(lease, looksUntil: nil)
    }
  }

  /// Syncs again and again until it is stopped.
  /// - Throws: ``SyncError`` where only an operator can help (``SyncError/isFatal``).
  public func run() async throws {
    try await cancelWhenGracefulShutdown { try await repeatSync() }
  }

  private func repeatSync() async throws(SyncError) {
    var failures = 0
    while !Task.isCancelled {
      do throws(SyncError) {
        _ = try openIndex()
        try await withLease { (lease) async throws(SyncError) in
          try await follow(lease)
        }
      } catch {
        if error == .cancelled || Task.isCancelled { return }
        if error.isFatal { throw error }
        failures = error.isLeaseLost ? 0 : failures + 1
        logger.error("\(error)", metadata: ["failures": "\(failures)"])
      }
      let wait = SyncSchedule.wait(
        interval: configuration.interval, failures: max(1, failures), jitter: .random(in: 0...1))
      do { try await Task.sleep(for: wait) } catch { return }
    }
  }

  /// Syncs again and again while this process has the lease.
  private func follow(_ lease: SyncLease) async throws(SyncError) {
    var failures = 0
    while true {
      let begin = ContinuousClock.now
      do throws(SyncError) {
        log(try await sync(lease, looksUntil: begin + configuration.interval))
        failures = 0
      } catch {
        if Task.isCancelled { throw .cancelled }
        if error == .cancelled || error.isFatal || error.isLeaseLost { throw error }
        failures += 1
        logger.error("\(error)", metadata: ["failures": "\(failures)"])
      }
      let wait = SyncSchedule.wait(
        interval: configuration.interval, failures: failures, jitter: .random(in: 0...1))
      do { try await Task.sleep(for: wait) } catch { throw .cancelled }
    }
  }

  /// One sync under the lease.
  private func sync(
    _ lease: SyncLease, looksUntil end: ContinuousClock.Instant?
  ) async throws(SyncError) -> SyncReport {
    let list = try await crateList()
    try await folder.clearDownloads()
    let index = try openIndex()
    let opened = try await open(index)
    var (state, problem) = try await folder.load(
      indexURL: configuration.registryURL, backendURL: configuration.backendURL)
    if let problem {
      logger.warning("\(folder.stateFile) is not used, everything is sent again: \(problem)")
    }
    let session = SyncSession(
      configuration: configuration,
      registry: RegistryDescription(
        indexURL: configuration.registryURL,
        downloadTemplate: opened.configuration.download.text),
      courier: Courier(backend: backend, lease: lease), folder: folder, logger: logger, tell: tell)
    var report = SyncReport()
    for problem in list?.problems ?? [] { session.note(problem, in: &report) }
    switch opened.files {
    case .sparse(let index):
      try await SparseSync(session: session, index: index, names: list?.names ?? [])
        .run(&state, &report)
    case .git(let index, let commit):
      try await GitSync(session: session, index: index, filter: list)
        .run(to: commit, &state, &report)
    }
    try await session.sendTemplate(&state)
    try await folder.save(state)
    let api = (configuration.asksAPI ? opened.configuration.api : nil).map {
      RegistryAPI(base: $0, client: client, interval: configuration.apiInterval)
    }
    if let api {
      // What is popular is looked into first: but looks get nearly all of the time.
      let now = ContinuousClock.now
      try await DownloadSurvey(session: session, api: api, filter: list)
        .run(until: end.map { now + now.duration(to: $0) / 10 }, &state, &report)
    }
    try await LookRun(session: session, look: look(opened.configuration, api), files: opened.files)
      .run(until: end, &report)
    return report
  }

  private enum Index {
    case sparse(SparseIndex)
    case git(GitIndex)
  }

  private func openIndex() throws(SyncError) -> Index {
    do throws(RegistryError) {
      let url = configuration.registryURL
      return url.hasPrefix("git+")
        ? .git(try GitIndex(url: url, folder: folder.clone))
        : .sparse(try SparseIndex(url: url, client: client, retries: retries))
    } catch {
      throw .registry(error)
    }
  }

  /// Asks the index how it is now.
  private func open(
    _ index: Index
  ) async throws(SyncError) -> (files: CrateFiles, configuration: RegistryConfiguration) {
    do throws(RegistryError) {
      switch index {
      case .sparse(let index): return (.sparse(index), try await index.configuration())
      case .git(let index):
        logger.debug("asking for the newest commit", metadata: ["index": "\(index.remote)"])
        let commit = try await index.update()
        return (.git(index, commit: commit), try await index.configuration(at: commit))
      }
    } catch {
      throw Task.isCancelled ? .cancelled : .registry(error)
    }
  }

  /// The crates to follow; nil: all, which only a git index can list.
  private func crateList() async throws(SyncError) -> CrateList? {
    if configuration.registryURL.hasPrefix("git+"), configuration.crates.isEmpty,
      configuration.cratesFile == nil
    {
      return nil
    }
    return try await CrateList.load(configuration)
  }

  private func look(_ registry: RegistryConfiguration, _ api: RegistryAPI?) -> CrateLook {
    CrateLook(
      downloader: CrateDownloader(template: registry.download, client: client, retries: retries),
      folder: folder.downloads, api: api)
  }

  private func log(_ report: SyncReport) {
    logger.log(
      level: report.sent > 0 ? .notice : .debug, "sync done",
      metadata: [
        "crates": "\(report.crates)", "unchanged": "\(report.unchanged)", "sent": "\(report.sent)",
        "jobs": "\(report.receipt.jobs)", "looked": "\(report.looked)",
        "problems": "\(report.problemCount)",
      ])
  }

  /// Waits for the folder and the lease, and runs `body` while this process has both.
  private func withLease<Result: Sendable>(
    _ body: @escaping @Sendable (SyncLease) async throws(SyncError) -> Result
  ) async throws(SyncError) -> Result {
    let desk = LeaseDesk(
      backend: backend, backendURL: configuration.backendURL, folder: folder, logger: logger)
    return try await desk.withLease(body)
  }
}
