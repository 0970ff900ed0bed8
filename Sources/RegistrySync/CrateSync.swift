import CrateRegistry
import FarmModel

/// What became of one crate.
enum CrateOutcome: Sendable {
  case unchanged
  case planned(SyncPlan, problems: [SyncProblem])
  /// It was passed over; it is asked for again at the next sync.
  case failed(RegistryError)
}

/// Asks for one crate and plans what to send.
struct CrateSync: Sendable {
  let index: SparseIndex
  let look: CrateLook

  func outcome(of name: CrateName, old: CrateState) async -> CrateOutcome {
    do throws(RegistryError) {
      let answer = try await index.fetch(
        name, ifNoneMatch: old.etag, ifModifiedSince: old.lastModified)
      switch answer {
      case .notModified: return .unchanged
      case .missing:
        let problem = SyncProblem(crate: name.text, reason: "the registry has no such crate")
        return .planned(SyncPlan(unchanged: old), problems: [problem])
      case .changed(let bytes, let etag, let lastModified):
        return await plan(name, bytes, old: old, etag: etag, lastModified: lastModified)
      }
    } catch {
      return .failed(error)
    }
  }

  private func plan(
    _ name: CrateName, _ bytes: [UInt8], old: CrateState, etag: String?, lastModified: String?
  ) async -> CrateOutcome {
    let (entries, lines) = parseIndexFile(bytes, of: name)
    let versions = entries.map(\.registryVersion)
    var problems = lines.map { SyncProblem(crate: name.text, reason: "index \($0)") }
    var contents = old.contents
    var isComplete = true
    if let newest = SyncPlan.newest(of: versions), contents[newest.checksum] == nil {
      do throws(RegistryError) {
        let found = try await look.contents(of: newest)
        contents[newest.checksum] = found
        if let reason = found.problem {
          problems.append(SyncProblem(crate: name.text, reason: reason))
        }
      } catch {
        isComplete = false
        problems.append(
          SyncProblem(crate: name.text, reason: "\(error); it is looked into at the next sync"))
      }
    }
    var plan = SyncPlan(versions: versions, old: old, contents: contents)
    // Without them the next sync reads the file again, and looks into the `.crate` then.
    plan.state.etag = isComplete ? etag : nil
    plan.state.lastModified = isComplete ? lastModified : nil
    return .planned(plan, problems: problems)
  }
}

extension SyncPlan {
  /// Nothing to send, and the same to remember.
  init(unchanged state: CrateState) {
    records = []
    self.state = state
  }
}

extension IndexEntry {
  /// What the farm wants to know of it.
  var registryVersion: RegistryVersion {
    RegistryVersion(
      crate: name, version: version, checksum: checksum.hex, yanked: isYanked,
      publishedAt: publishedAt, rustVersion: rustVersion)
  }
}
