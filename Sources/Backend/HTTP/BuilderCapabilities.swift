import BuilderProtocol
import ExecutorKit
import Foundation

/// What a builder can do, as the API tells it.
struct BuilderCapabilities: Encodable {
  struct Target: Encodable {
    var triple: String
    var module: String
    /// `ready`, `unhealthy` or `absent`.
    var health: String
    var toolchains: [String]
    var reason: String?
    var remedy: String?

    init(_ target: Capabilities.Target) {
      triple = target.triple
      module = target.module
      toolchains = []
      switch target.health {
      case .ready(let toolchains): (health, self.toolchains) = ("ready", toolchains)
      case .unhealthy(let reason, let remedy):
        (health, self.reason, self.remedy) = ("unhealthy", reason, remedy)
      case .absent(let reason): (health, self.reason) = ("absent", reason)
      }
    }
  }
  var architecture: String
  var cores: Int
  var memoryBytes: Int64
  var diskBytes: Int64
  var slots: Int
  var modules: [Capabilities.Module]
  var targets: [Target]
  var labels: [String: String]

  /// Nil where the builder has not told yet.
  init?(json: String?) {
    guard let json,
      let capabilities = try? JSONDecoder().decode(Capabilities.self, from: Data(json.utf8))
    else { return nil }
    architecture = capabilities.architecture
    cores = capabilities.cores
    memoryBytes = capabilities.memoryBytes
    diskBytes = capabilities.diskBytes
    slots = capabilities.slots
    modules = capabilities.modules
    targets = capabilities.targets.map(Target.init)
    labels = capabilities.labels
  }
}
