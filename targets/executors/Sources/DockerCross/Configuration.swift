import ExecutorKit
import Foundation

/// The module's part of a target's YAML, below `docker-cross:`.
struct Configuration: Equatable, Sendable {
  /// The container file's path, relative to `targets/executors`.
  var containerfile: String
  /// Its build arguments.
  var arguments: [String: String]
  /// The base image's name.
  var image: String

  static let keys = [
    ConfigurationKey(
      "containerfile", .text, summary: "the container file, relative to targets/executors",
      defaultValue: .text("docker-cross/Containerfile")),
    ConfigurationKey(
      "arguments", .map,
      summary: "the container file's arguments: gcc (the C compiler's package), debian (the"
        + " architecture in Debian's words), runtime (packages that the target's programs need to"
        + " start), rust (the beginning of the wanted version) and glibc (what zig is prepared for)",
      defaultValue: .map([:])),
    ConfigurationKey(
      "image", .text, summary: "the base image", defaultValue: .text("debian:bookworm-slim")),
  ]

  /// - Throws: ``ExecutorFailure`` that names the key which cannot be used.
  init(_ value: ConfigurationValue) throws(ExecutorFailure) {
    let map = value.map ?? [:]
    containerfile = try Self.text(map, "containerfile") ?? "docker-cross/Containerfile"
    image = try Self.text(map, "image") ?? "debian:bookworm-slim"
    arguments = [:]
    guard let given = (map["arguments"] ?? .map([:])).map else {
      throw Self.wrong("arguments", "a map of texts")
    }
    for (name, value) in given {
      guard let text = value.text else { throw Self.wrong("arguments.\(name)", "a text") }
      arguments[name] = text
    }
    let parts = containerfile.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.allSatisfy({ !["", ".", ".."].contains($0) }) else {
      throw Self.wrong("containerfile", "a path inside of targets/executors")
    }
  }

  private static func text(
    _ map: [String: ConfigurationValue], _ key: String
  ) throws(ExecutorFailure) -> String? {
    guard let value = map[key] else { return nil }
    guard let text = value.text, !text.isEmpty else { throw wrong(key, "a text") }
    return text
  }

  private static func wrong(_ key: String, _ expected: String) -> ExecutorFailure {
    ExecutorFailure(.infrastructure, "docker-cross: \(key) must be \(expected)")
  }
}
