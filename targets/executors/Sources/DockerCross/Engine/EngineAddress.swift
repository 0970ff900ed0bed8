/// Where the Docker Engine listens.
enum EngineAddress {
  static let defaultSocket = "/var/run/docker.sock"

  /// The path of the engine's Unix socket: from `DOCKER_HOST`, else where Docker puts it.
  static func socket(dockerHost: String?) throws(EngineError) -> String {
    guard let dockerHost, !dockerHost.isEmpty else { return defaultSocket }
    let scheme = "unix://"
    guard dockerHost.hasPrefix(scheme), dockerHost.count > scheme.count else {
      throw .badAddress(dockerHost)
    }
    return String(dockerHost.dropFirst(scheme.count))
  }
}
