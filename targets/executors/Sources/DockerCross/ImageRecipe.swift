internal import CDigest
import ExecutorKit
import Foundation

/// Everything that an environment's image is made of; its digest is the image's name.
struct ImageRecipe: Equatable, Sendable {
  /// The container file's text.
  let containerfile: String
  let arguments: [String: String]
  /// The base image's name and its id.
  let base: String
  let baseID: String
  /// The C compiler whose version is recorded.
  let compiler: String

  /// - Throws: ``ExecutorFailure`` where the container file cannot be read or a package's name is
  ///   none: names become words of a shell command in the container file.
  init(
    _ configuration: Configuration, filesDirectory: String, packages: [String], compiler: String,
    baseID: String
  ) throws(ExecutorFailure) {
    let path = "\(filesDirectory)/\(configuration.containerfile)"
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ExecutorFailure(
        .infrastructure,
        "docker-cross: cannot read the container file \(path); is the builder's files directory"
          + " right?")
    }
    if let bad = packages.first(where: { !Self.isPackageName($0) }) {
      throw ExecutorFailure(.infrastructure, "docker-cross: “\(bad)” is no Debian package name")
    }
    containerfile = String(decoding: data, as: UTF8.self)
    var arguments = configuration.arguments
    arguments["image"] = configuration.image
    if !packages.isEmpty { arguments["packages"] = packages.sorted().joined(separator: " ") }
    self.arguments = arguments
    base = configuration.image
    self.baseID = baseID
    self.compiler = compiler
  }

  /// Debian policy, section 5.6.1.
  static func isPackageName(_ name: String) -> Bool {
    let bytes = Array(name.utf8)
    guard bytes.count >= 2, let first = bytes.first else { return false }
    func isLetterOrDigit(_ byte: UInt8) -> Bool {
      (48...57).contains(byte) || (97...122).contains(byte)
    }
    return isLetterOrDigit(first)
      && bytes.allSatisfy { isLetterOrDigit($0) || [43, 45, 46].contains($0) }
  }

  /// The name under which the engine keeps the image.
  var tag: String { "buildsrs/docker-cross:\(digest.prefix(32))" }

  /// SHA-256 over every part, each behind its length so that no two recipes read the same.
  var digest: String {
    let named = arguments.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] }
    let parts = ["1", containerfile, baseID, compiler] + named
    let bytes = parts.flatMap { Array("\($0.utf8.count):\($0)".utf8) }
    var digest = [UInt8](repeating: 0, count: 32)
    SHA256(bytes, bytes.count, &digest)
    return digest.map { byte in
      let text = String(byte, radix: 16)
      return text.count == 1 ? "0" + text : text
    }.joined()
  }

  /// The text of the arguments as the engine takes them: a JSON object.
  var encodedArguments: String { Self.json(arguments) }

  /// A JSON object of texts.
  static func json(_ values: [String: String]) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return (try? encoder.encode(values)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
  }
}
