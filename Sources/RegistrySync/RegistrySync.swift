import CrateRegistry
import FarmModel
public import Logging
public import ServiceLifecycle
public import Transfer

/// Follows a registry: reports new, changed and yanked versions to the backend.
public struct RegistrySync: Service {
  private let configuration: SyncConfiguration
  private let client: TransferClient
  private let retries: TransferRetryPolicy
  private let logger: Logger

  /// - Parameters:
  ///   - client: sends to the registry and to the backend.
  ///   - retries: how requests are repeated within one sync.
  public init(
    configuration: SyncConfiguration, client: TransferClient = TransferClient(),
    retries: TransferRetryPolicy = .init(), logger: Logger
  ) {
    self.configuration = configuration
    self.client = client
    self.retries = retries
    self.logger = logger
  }

  /// Syncs all crates once.
  ///
  /// Bad index lines and bad `.crate` files are problems in the report and stop nothing.
  /// - Throws: ``SyncError`` where the registry or the backend as a whole cannot be used.
  public func syncOnce() async throws(SyncError) -> SyncReport {
    let list = try await CrateList.load(configuration)
    let file = SyncStateFile(folder: configuration.stateDirectory)
    try await file.clearDownloads()
    let (index, download) = try await openRegistry()
    let look = CrateLook(
      downloader: CrateDownloader(template: download, client: client, retries: retries),
      folder: file.downloads)
    var run = SyncRun(
      crateSync: CrateSync(index: index, look: look),
      backend: BackendClient(
        backendURL: configuration.backendURL, token: configuration.token, client: client,
        retries: retries),
      registry: RegistryDescription(
        indexURL: configuration.registryURL, downloadTemplate: download.text),
      file: file, state: await loadState(file), logger: logger)
    return try await run.run(list, concurrency: configuration.concurrency)
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
        log(try await syncOnce())
        failures = 0
      } catch {
        if error == .cancelled || Task.isCancelled { return }
        if error.isFatal { throw error }
        failures += 1
        logger.error("\(error)", metadata: ["failures": "\(failures)"])
      }
      let wait = SyncSchedule.wait(
        interval: configuration.interval, failures: failures, jitter: .random(in: 0...1))
      do { try await Task.sleep(for: wait) } catch { return }
    }
  }

  private func openRegistry() async throws(SyncError) -> (SparseIndex, DownloadTemplate) {
    do throws(RegistryError) {
      let index = try SparseIndex(url: configuration.registryURL, client: client, retries: retries)
      return (index, try await index.configuration().download)
    } catch {
      throw Task.isCancelled ? .cancelled : .registry(error)
    }
  }

  private func loadState(_ file: SyncStateFile) async -> SyncState {
    let (state, problem) = await file.load()
    if let problem {
      logger.warning("\(file.path) is not used, everything is sent again: \(problem)")
    }
    let fresh = SyncState(
      indexURL: configuration.registryURL, backendURL: configuration.backendURL)
    return state?.adapted(
      indexURL: configuration.registryURL, backendURL: configuration.backendURL) ?? fresh
  }

  private func log(_ report: SyncReport) {
    logger.log(
      level: report.sent > 0 ? .notice : .debug, "sync done",
      metadata: [
        "crates": "\(report.crates)", "unchanged": "\(report.unchanged)", "sent": "\(report.sent)",
        "jobs": "\(report.receipt.jobs)", "problems": "\(report.problems.count)",
      ])
  }
}
