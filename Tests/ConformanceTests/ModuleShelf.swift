import BuildPipeline
import ExecutorKit
import FarmModel
import Foundation
import Recipes
import TestSupport

/// Something that this machine lacks, with the remedy.
struct Lacking: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// The executor modules that were built along with the tests, asked as a builder asks them.
actor ModuleShelf {
  static let shared = ModuleShelf()
  private var paths: [String: String]?
  private var answers: [Candidate: Task<String, any Error>] = [:]

  /// The library of a candidate's module, once that has said that it is ready for the target.
  /// - Throws: ``Lacking`` with what to do.
  func path(of candidate: Candidate) async throws -> String {
    if let known = answers[candidate] { return try await known.value }
    let asking = Task { try await ask(candidate) }
    answers[candidate] = asking
    return try await asking.value
  }

  private func ask(_ candidate: Candidate) async throws -> String {
    guard let triple = TargetTriple(candidate.target) else {
      throw Lacking(
        "“\(candidate.testDescription)” is no MODULE:TARGET; BUILDSRS_CONFORMANCE takes such as"
          + " docker-cross:x86_64-unknown-linux-gnu, with commas between them")
    }
    guard let target = Checkout.recipes?.target(triple) else {
      throw Lacking("there is no targets/\(triple).yaml without mistakes; `buildsrs recipes lint`")
    }
    let known = try await modulePaths()
    guard let path = known[candidate.module] else {
      throw Lacking(
        "there is no module “\(candidate.module)” in \(TestPrograms.directory), but"
          + " \(known.keys.sorted().joined(separator: ", ")); build it with `swift build --product`"
          + " and the name of its library")
    }
    let request = ProbeRequest(
      targets: [
        .init(
          triple: triple.text, configuration: target.offer(of: candidate.module).configuration)
      ],
      filesDirectory: Checkout.root + "/targets/executors",
      cacheDirectory: "\(Checkout.cacheDirectory)/\(candidate.module)")
    let answer = try await HostRun(module: path).run(.probe(request))
    switch answer.probe?.targets[triple.text] {
    case .ready: return path
    case .unhealthy(let reason, let remedy): throw Lacking("\(reason). Remedy: \(remedy)")
    case .absent(let reason): throw Lacking("\(candidate.module) is absent here: \(reason)")
    case nil: throw Lacking("\(path) did not answer for \(triple): \(answer.troubles)")
    }
  }

  /// The libraries by what their modules say that they are called.
  private func modulePaths() async throws -> [String: String] {
    if let paths { return paths }
    var found: [String: String] = [:]
    let names = try FileManager.default.contentsOfDirectory(atPath: TestPrograms.directory)
    for name in names.sorted() where name.hasPrefix("lib") && name.hasSuffix("Executor.so") {
      let path = "\(TestPrograms.directory)/\(name)"
      guard let described = try await HostRun(module: path).run(.describe).description else {
        continue
      }
      found[described.name] = path
    }
    paths = found
    return found
  }
}
