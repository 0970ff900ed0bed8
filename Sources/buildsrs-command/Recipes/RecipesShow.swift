import ArgumentParser
import CommandLineSupport
import CrateRegistry
import FarmModel
import Foundation
import Recipes

/// How one version is built for one target.
struct RecipesShow: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Prints how a version is built for a target, and where each value comes from.",
    discussion: """
      The default recipe comes first, then what the crate's author says in Cargo.toml, then the \
      crate's recipe; a target's file has the last word on what only a target knows.

      EXAMPLES
        buildsrs recipes show ripgrep@13.0.0 --target aarch64-unknown-linux-gnu
        buildsrs recipes show mine@1.0.0 --target x86_64-unknown-linux-musl --manifest Cargo.toml
      """)
  @Argument(help: "The crate and its version, such as ripgrep@13.0.0.") var version: String
  @Option(help: "The target triple.") var target: String
  @Option(
    help: "The version's Cargo.toml, whose [package.metadata.buildsrs] counts.",
    completion: .file())
  var manifest: String?
  @OptionGroup var common: CommonOptions
  @OptionGroup var recipes: RecipeOptions
  @Flag(help: "Print JSON.") var json = false

  /// What `--json` prints where nothing is built.
  private struct Skip: Encodable {
    let skip: String
    let origin: String?
  }

  func run() throws {
    let parts = version.split(separator: "@", maxSplits: 1)
    guard parts.count == 2, let crate = CrateName(parts[0]), let number = Semver(parts[1]) else {
      throw CommandFailure.usage("“\(version)” is no CRATE@VERSION, such as ripgrep@13.0.0")
    }
    guard let triple = TargetTriple(target) else {
      throw CommandFailure.usage("“\(target)” is no target triple")
    }
    let set = try common.settings(recipes).recipeSet()
    let metadata = try manifest.flatMap { try Self.metadata(of: $0) }
    for warning in metadata?.warnings ?? [] { Terminal().printError("warning: \(warning)") }
    // The checksum has no part in how values are found.
    let facts = VersionFacts(
      crate: crate, version: number, checksum: String(repeating: "0", count: 64),
      metadata: metadata)
    guard let explanation = set.explain(facts, target: triple) else {
      throw CommandFailure("there is no target \(triple): see `buildsrs targets list`")
    }
    if let skip = explanation.skip {
      if json { return try printJSON(Skip(skip: skip.value, origin: skip.origin)) }
      let place = skip.origin.map { " (\($0))" } ?? ""
      return print("\(version) is not built for \(triple): \(skip.value)\(place)")
    }
    if json { return try printJSON(explanation) }
    var table = TextTable([.init("KEY"), .init("VALUE"), .init("FROM")])
    for value in explanation.values {
      table.add([.init(value.key), .init(value.value), .init(value.origin ?? "default", .dim)])
    }
    print(table.text(for: Terminal()))
  }

  private static func metadata(of file: String) throws -> AuthorMetadata? {
    guard let bytes = try? Data(contentsOf: URL(filePath: file)) else {
      throw CommandFailure("cannot read \(file)")
    }
    do throws(ManifestError) {
      let manifest = try Manifest(toml: bytes)
      let folder = URL(filePath: file).deletingLastPathComponent().path(percentEncoded: false)
      return AuthorMetadata(
        buildsrs: manifest.buildsrsMetadata, binstall: manifest.binstallMetadata,
        knownBinaries: manifest.binaryTargets(ofCrateIn: folder).map(\.name))
    } catch {
      throw CommandFailure("\(file): \(error)")
    }
  }
}
