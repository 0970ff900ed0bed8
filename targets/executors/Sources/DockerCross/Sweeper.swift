import ExecutorKit
import Foundation

/// The labels that tell whose a container is.
enum OwnerLabels {
  static let owner = "rs.builds.owner"
  static let job = "rs.builds.job"
  static let attempt = "rs.builds.attempt"

  static func of(_ identity: AttemptIdentity) -> [String: String] {
    [owner: identity.owner, job: String(identity.job), attempt: String(identity.attempt)]
  }

  /// Nil for a container that is not one of the farm's.
  static func identity(of labels: [String: String]) -> AttemptIdentity? {
    guard let name = labels[owner], let job = labels[job].flatMap({ Int64($0) }),
      let attempt = labels[attempt].flatMap({ Int32($0) })
    else { return nil }
    return AttemptIdentity(owner: name, job: job, attempt: attempt)
  }
}

/// Finds and removes containers by their labels.
struct Sweeper: Sendable {
  let engine: Engine

  /// Removes every container with these labels that is chosen.
  /// - Returns: a line for each.
  func remove(
    labels: [String: String], where isChosen: (AttemptIdentity) -> Bool
  ) async throws(EngineError) -> [String] {
    let filters = ["label": labels.map { "\($0.key)=\($0.value)" }.sorted()]
    let encoded = (try? JSONEncoder().encode(filters)) ?? Data("{}".utf8)
    let found = try await engine.json(
      [ListedContainer].self, "GET", "/containers/json",
      [("all", "1"), ("filters", String(decoding: encoded, as: UTF8.self))])
    var removed: [String] = []
    for container in found {
      guard let identity = OwnerLabels.identity(of: container.labels ?? [:]), isChosen(identity)
      else { continue }
      await Container.remove(container.id, on: engine)
      removed.append(
        "container \(container.id.prefix(12)) of job \(identity.job), attempt \(identity.attempt)")
    }
    return removed
  }
}
