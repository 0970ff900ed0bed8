import CrateRegistry
import FarmModel
import Foundation
import Logging

/// Learns from the registry's web API how often its crates are downloaded, the popular ones first, so that the
/// farm looks into those first and builds them first.
///
/// Once a day, some pages in each sync until there are no more: at one request a second, a registry's crates by
/// the hundred take longer than a sync may.
struct DownloadSurvey {
  let session: SyncSession
  let api: RegistryAPI
  /// Crates that are followed; nil: all.
  let filter: CrateList?

  /// How many pages a sync asks for, and how many seconds lie between two surveys' begins.
  static let pagesAtOnce = 20
  static let interval: Int64 = 86_400
  /// The API is asked for each crate that is looked into: fewer crates than this need no survey.
  static let fewest = 1000

  /// Asks and tells the backend, until a time; what the API does not tell stops nothing.
  func run(
    until end: ContinuousClock.Instant?, _ state: inout SyncState, _ report: inout SyncReport
  ) async throws(SyncError) {
    guard filter.map({ $0.names.count >= Self.fewest }) ?? true,
      var survey = Self.due(state.downloads, now: Int64(Date().timeIntervalSince1970))
    else { return }
    let names = filter.map { Set($0.names.map(\.normalized)) }
    for _ in 0..<Self.pagesAtOnce where end.map({ ContinuousClock.now < $0 }) ?? true {
      let asked = survey.next
      var found: [RegistryAPI.Popular] = []
      do throws(RegistryError) {
        let page = try await api.mostDownloaded(page: asked)
        found = page.crates.filter { names?.contains($0.name.normalized) ?? true }
        survey.next = page.next == asked ? nil : page.next
      } catch {
        if Task.isCancelled { throw .cancelled }
        session.logger.warning("the registry's web API does not tell downloads: \(error)")
        // What may pass is asked for by the next sync, all else tomorrow.
        if error.isTransient { return }
        survey.next = nil
      }
      try await tell(found, &report)
      state.downloads = survey
      try await session.folder.save(state)
      if survey.next == nil { return }
    }
  }

  /// The survey to be gone on with, or a new one; nil: it is too early for one. Pure.
  static func due(_ last: SyncState.Survey?, now: Int64) -> SyncState.Survey? {
    if let last, last.next != nil { return last }
    if let last, (0..<interval).contains(now - last.begun) { return nil }
    return SyncState.Survey(begun: now)
  }

  private func tell(
    _ crates: [RegistryAPI.Popular], _ report: inout SyncReport
  ) async throws(SyncError) {
    var body = RecordBody<Never>(registry: session.registry)
    for crate in crates { body.append(CrateRecords(crate.name, downloads: crate.downloads)) }
    _ = session.taken(try await session.courier.deliver(body), in: &report)
  }
}

extension CrateRecords {
  /// How often a crate was downloaded; nothing is said of its versions.
  fileprivate init(_ crate: CrateName, downloads: Int64) {
    name = crate
    RecordLine.append(.crate(RegistryCrate(crate: crate, downloads: downloads)), to: &lines)
  }
}
