import ExecutorKit
import FarmModel
import Foundation
import Recipes
import Testing

/// An executor module that must pass, with the target that it builds for meanwhile.
struct Candidate: Hashable, Sendable, CustomTestStringConvertible {
  var module: String
  var target: String

  var testDescription: String { "\(module):\(target)" }

  /// Those of `BUILDSRS_CONFORMANCE` (`MODULE:TARGET,…`), else one target of every module that
  /// `targets/` names.
  static let all: [Candidate] = {
    let variable = ProcessInfo.processInfo.environment["BUILDSRS_CONFORMANCE"] ?? ""
    return variable.isEmpty ? ofRepository : parse(variable)
  }()

  /// What is no pair keeps its text as the module's name, and fails as such.
  static func parse(_ list: String) -> [Candidate] {
    list.split(separator: ",").map { item in
      let parts = item.split(separator: ":", maxSplits: 1).map(String.init)
      return Candidate(module: parts[0], target: parts.count > 1 ? parts[1] : "")
    }
  }

  /// The target of each module that costs least: what the machine runs itself, else what most people
  /// use.
  private static let preferred = [
    "docker-cross": "x86_64-unknown-linux-gnu", "musl-static": "x86_64-unknown-linux-musl",
    "qemu": "aarch64-unknown-linux-gnu",
  ]

  private static var ofRepository: [Candidate] {
    var triples: [String: [String]] = [:]
    for target in Checkout.recipes?.targets ?? [] {
      for offer in target.offers { triples[offer.executor, default: []].append(target.triple.text) }
    }
    return triples.sorted { $0.key < $1.key }.map { module, offered in
      let wanted = preferred[module].flatMap { offered.contains($0) ? $0 : nil }
      return Candidate(module: module, target: wanted ?? offered.sorted()[0])
    }
  }
}

/// Files of this repository.
enum Checkout {
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path(percentEncoded: false).removingTrailingSlash

  /// Targets and recipes; nil where they have mistakes, which `RepositoryFilesTests` tells.
  static let recipes = try? RecipeSet.load(
    targetsDirectory: root + "/targets", recipesDirectory: root + "/recipes")

  /// What modules keep for all builders of this machine: `BUILDSRS_CACHE_DIRECTORY`, else where
  /// `./bootstrap` puts it.
  static let cacheDirectory: String = {
    let variables = ProcessInfo.processInfo.environment
    if let given = variables["BUILDSRS_CACHE_DIRECTORY"], !given.isEmpty { return given }
    let cache = variables["XDG_CACHE_HOME"] ?? NSHomeDirectory() + "/.cache"
    return cache + "/builds.rs/modules"
  }()
}

extension String {
  var removingTrailingSlash: String { hasSuffix("/") ? String(dropLast()) : self }
}
