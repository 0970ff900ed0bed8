import ArtifactStorage
import Database
import FarmModel
import Hummingbird
import Logging

/// What those who run the farm ask: is it up, can it serve, what is it doing.
struct HealthRoutes: Sendable {
  let state: APIState

  func add(to router: Router<BackendContext>) {
    router.get("healthz") { _, _ in Response.text("ok\n") }
    router.get("readyz") { _, _ in try await ready() }
    router.get("metrics") { _, _ in try await metrics() }
  }

  private func ready() async throws -> Response {
    try await state.database.ping()
    do {
      guard try await state.storage.head(.marker) != nil else {
        throw Problem(
          .serviceUnavailable, .unavailable, "the storage has lost the farm's marker object",
          headers: [.retryAfter: "5"])
      }
    } catch let error as StorageError {
      state.logger.error("the storage cannot be read: \(error)")
      throw Problem(
        .serviceUnavailable, .unavailable, "the storage cannot be read now: try again later",
        headers: [.retryAfter: "5"])
    }
    return .text("ready\n")
  }

  /// Prometheus' text format 0.0.4.
  private func metrics() async throws -> Response {
    var text = MetricsText()
    let counts = try await state.queueCounts.value()
    text.family("buildsrs_jobs", "gauge", "Jobs by target and state.")
    for count in counts {
      text.sample(
        "buildsrs_jobs", [("target", count.target), ("state", count.state.rawValue)], count.count)
    }
    text.family("buildsrs_connected_builders", "gauge", "Builders connected to this backend.")
    text.sample("buildsrs_connected_builders", [], state.wakeUps.count)
    text.family("buildsrs_requests_total", "counter", "Requests answered, by status.")
    for (status, count) in state.metrics.byStatus.sorted(by: { $0.key < $1.key }) {
      text.sample("buildsrs_requests_total", [("status", "\(status)")], count)
    }
    return .text(text.text, type: "text/plain; version=0.0.4; charset=utf-8")
  }
}

/// Prometheus' text format.
struct MetricsText: Sendable {
  private(set) var text = ""

  mutating func family(_ name: String, _ type: String, _ help: String) {
    text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
  }

  mutating func sample(_ name: String, _ labels: [(String, String)], _ value: Int) {
    let pairs = labels.map { name, value in
      let escaped = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        .replacing("\n", with: "\\n")
      return "\(name)=\"\(escaped)\""
    }
    text += name + (pairs.isEmpty ? "" : "{\(pairs.joined(separator: ","))}") + " \(value)\n"
  }
}
