import CommandLineSupport
import CrateRegistry
import ExecutorKit
import FarmModel
import Recipes
import Transfer

/// What a person asked for.
struct WantedBuild: Equatable {
  var crate: CrateName
  /// Nil: the latest.
  var version: Semver?
  var target: TargetTriple

  /// - Parameter crate: `name` or `name@version`.
  init(crate text: String, target: String) throws(CommandFailure) {
    let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
    guard let crate = CrateName(parts[0]) else {
      throw .usage("“\(parts[0])” is no crate's name")
    }
    self.crate = crate
    if parts.count > 1 {
      guard let version = Semver(parts[1]) else {
        throw .usage("“\(parts[1])” is no version; such as \(crate)@1.2.3")
      }
      self.version = version
    }
    guard let triple = TargetTriple(target) else {
      throw .usage("--target “\(target)” is no target triple; such as x86_64-unknown-linux-gnu")
    }
    self.target = triple
  }
}

/// A version of the registry with its plan.
struct ResolvedBuild {
  var plan: Plan
  var sourceURL: String
  var downloadTemplate: String

  /// Looks the version up in the index and makes its plan, for the executor that a person asks for
  /// or else the one that target and recipes name.
  /// - Throws: `CommandFailure`.
  init(
    _ wanted: WantedBuild, executor: String?, settings: Settings, authors: inout AuthorWords
  ) async throws {
    let recipes: RecipeSet
    do {
      recipes = try RecipeSet.load(
        targetsDirectory: settings.targetsDirectory, recipesDirectory: settings.recipesDirectory)
    } catch {
      throw CommandFailure.usage("\(error)")
    }
    guard let target = recipes.target(wanted.target) else {
      let known = recipes.targets.map(\.triple.text).joined(separator: ", ")
      throw CommandFailure.usage("there is no target \(wanted.target); there are: \(known)")
    }
    let offered = target.offers.map(\.executor)
    if let executor, !offered.contains(executor) {
      throw CommandFailure.usage(
        "the target \(wanted.target) names no executor \(executor), but"
          + " \(offered.joined(separator: ", "))")
    }
    let client = TransferClient()
    defer { client.shutdown() }
    do {
      let index = try SparseIndex(url: settings.registryURL, client: client)
      let entry = try await Self.entry(wanted, index)
      let template = try await index.configuration().download
      let metadata = try await authors.metadata(of: entry, from: template, client)
      plan = try Self.plan(entry, metadata, wanted.target, executor, recipes)
      sourceURL = template.url(of: entry.name, entry.version, checksum: entry.checksum)
      downloadTemplate = template.text
    } catch let error as RegistryError {
      throw CommandFailure("\(settings.registryURL): \(error)")
    }
  }

  private static func entry(_ wanted: WantedBuild, _ index: SparseIndex) async throws -> IndexEntry
  {
    guard case .changed(let bytes, _, _) = try await index.fetch(wanted.crate) else {
      throw CommandFailure("the registry \(index.base) has no crate \(wanted.crate)")
    }
    let entries = parseIndexFile(bytes, of: wanted.crate).entries
    let version =
      wanted.version ?? entries.filter { !$0.isYanked }.map(\.version).latest
    guard let entry = entries.first(where: { $0.version == version }) else {
      let known = entries.map(\.version).sorted().suffix(5).map(\.description)
      throw CommandFailure(
        "the registry has no such version of \(wanted.crate); the newest are: \(known.joined(separator: ", "))"
      )
    }
    return entry
  }

  private static func plan(
    _ entry: IndexEntry, _ metadata: AuthorMetadata?, _ target: TargetTriple,
    _ executor: String?, _ recipes: RecipeSet
  ) throws -> Plan {
    let facts = VersionFacts(
      crate: entry.name, version: entry.version, checksum: entry.checksum.hex,
      publishedAt: entry.publishedAt, isYanked: entry.isYanked, metadata: metadata)
    switch recipes.plan(for: facts, target: target, executor: executor) {
    case .plan(let plan): return plan
    case .skip(let reason):
      throw CommandFailure("\(entry.name) \(entry.version) is not built for \(target): \(reason)")
    }
  }
}
