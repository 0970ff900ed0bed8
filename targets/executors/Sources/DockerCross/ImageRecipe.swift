import ExecutorKit
import Foundation

/// Everything that an environment's image is made of; its digest is the image's name.
struct ImageRecipe: Equatable, Sendable {
  let context: ContextFiles
  let arguments: [String: String]
  /// The base image's name and its id.
  let base: String
  let baseID: String
  /// The GNU name of the target, which the C compiler's name begins with.
  let gnuTriple: String

  /// - Throws: ``ExecutorFailure`` where the container file cannot be read or a package's name is
  ///   none: names become words of a shell command in the container file.
  init(
    _ configuration: Configuration, filesDirectory: String, inputs: BuildInputs, baseID: String
  ) throws(ExecutorFailure) {
    context = try ContextFiles(
      containerfile: "\(filesDirectory)/\(configuration.containerfile)")
    let packages = inputs.packages["debian"] ?? []
    if let bad = packages.first(where: { !SystemPackage.isDebianName($0) }) {
      throw ExecutorFailure(.infrastructure, "docker-cross: “\(bad)” is no Debian package name")
    }
    var arguments = configuration.arguments
    arguments["image"] = configuration.image
    arguments["gnu"] = inputs.gnuTriple
    arguments["target"] = inputs.target
    if !packages.isEmpty { arguments["packages"] = packages.sorted().joined(separator: " ") }
    self.arguments = arguments
    base = configuration.image
    self.baseID = baseID
    gnuTriple = inputs.gnuTriple
  }

  /// The name under which the engine keeps the image.
  var tag: String { "buildsrs/docker-cross:\(digest.prefix(32))" }

  /// SHA-256 over every part. The first one is the version of what the module itself adds.
  var digest: String {
    let named = arguments.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] }
    let files = context.files.sorted { $0.key < $1.key }.flatMap { [Array($0.key.utf8), $0.value] }
    return sha256(
      of: ["2", context.containerfile, baseID, gnuTriple].map { Array($0.utf8) } + files
        + named.map { Array($0.utf8) })
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
