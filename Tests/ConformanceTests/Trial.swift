import BuildPipeline
import ExecutorKit
import FarmModel
import Foundation
import Recipes
import Subprocess

/// A crate to try.
struct TrialCrate: Sendable {
  var name: String
  var version = "0.1.0"
  var folder: String
  var fate: Fate?

  init(_ hostile: HostileCrate, on target: String) {
    (name, folder, fate) = (hostile.name, hostile.folder, hostile.fate.onTarget(target))
  }

  /// One of `Tests/Crates` that has no fate of its own.
  init(_ name: String, version: String, folder: String) {
    (self.name, self.version) = (name, version)
    self.folder = "\(Checkout.root)/Tests/Crates/\(folder)"
  }

  static let tiny = TrialCrate("tiny", version: "1.2.3", folder: "tiny")
  static let neighbour = TrialCrate(
    "meets-neighbour", version: "0.1.0", folder: "driven/meets-neighbour")
}

/// One build of a crate by a candidate, as a builder starts it: a real executor host with a real
/// plan, and around it a host that has secrets.
struct Trial: Sendable {
  let candidate: Candidate
  let module: String
  /// The builder's name, which everything that the module makes carries: found again by it.
  let owner: String
  let folder: String
  let server: LocalServer
  let secrets: TrialSecrets
  var plan: Plan

  var identity: AttemptIdentity { AttemptIdentity(owner: owner, job: 7, attempt: 1) }
  var state: String { folder + "/state" }
  var work: String { state + "/work/7-1" }

  /// Runs a body with a trial that is ready to start, and removes everything of it afterwards.
  static func with<Value: Sendable>(
    _ candidate: Candidate, _ crate: TrialCrate, _ body: (Trial) async throws -> Value
  ) async throws -> Value {
    let module = try await ModuleShelf.shared.path(of: candidate)
    let owner = TrialNames.next()
    let folder = "/tmp/\(TrialNames.prefix)\(owner)"
    let manager = FileManager.default
    for name in ["state/work/7-1", "state/store", "crates", "tmp"] {
      try manager.createDirectory(
        atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
    }
    defer { try? manager.removeItem(atPath: folder) }
    let checksum = try await pack(crate, into: folder + "/crates")
    let server = try serve(folder + "/crates")
    defer { server.stop() }
    let secrets = try TrialSecrets(owner: owner, folder: folder)
    defer { secrets.remove() }
    var plan = try plan(candidate, crate, checksum)
    plan.inputs.environment.merge(secrets.hints(port: server.port)) { $1 }
    let trial = Trial(
      candidate: candidate, module: module, owner: owner, folder: folder, server: server,
      secrets: secrets, plan: plan)
    return try await body(trial)
  }

  /// Runs the attempt to its end.
  func run(
    react: @escaping @Sendable (HostEvent) async throws -> HostReaction = { _ in .goOn }
  ) async throws -> HostAnswer {
    let name = "\(plan.inputs.crate)-\(plan.inputs.version)"
    let request = HostBuildRequest(
      identity: identity, plan: plan, sourceURL: "\(server.url)/\(name).crate",
      downloadTemplate: server.url + "/{crate}-{version}.crate", workDirectory: work,
      storeDirectory: state + "/store", filesDirectory: Checkout.root + "/targets/executors",
      cacheDirectory: Checkout.cacheDirectory)
    return try await host.run(.build(request), react: react)
  }

  /// Removes what a lost attempt has left, as a builder does at its start.
  func sweep() async throws -> HostAnswer {
    try await host.run(.sweep(SweepRequest(owner: owner, alive: [])))
  }

  /// The number that the crate has written down.
  var measured: Int? {
    FileManager.default.contents(atPath: work + "/target/measured")
      .flatMap { Int(String(decoding: $0, as: UTF8.self)) }
  }

  private var host: HostRun {
    HostRun(
      module: module, variables: secrets.variables.merging(["TMPDIR": folder + "/tmp"]) { $1 })
  }
}

// What a trial is made of.
extension Trial {
  private static func pack(_ crate: TrialCrate, into folder: String) async throws -> String {
    var files: [String: String] = [:]
    if crate.name == TrialCrate.tiny.name {
      let words = try await TrialArchive.write(
        crate: Checkout.root + "/Tests/Crates/tiny-words", name: "tiny-words", version: "0.1.0",
        to: folder + "/tiny-words-0.1.0.crate")
      files["Cargo.lock"] = tinyLockfile(words)
    }
    return try await TrialArchive.write(
      crate: crate.folder, name: crate.name, version: crate.version,
      links: crate.fate?.links ?? [:], files: files,
      to: "\(folder)/\(crate.name)-\(crate.version).crate")
  }

  private static func tinyLockfile(_ checksum: String) -> String {
    """
    version = 3

    [[package]]
    name = "tiny"
    version = "1.2.3"
    dependencies = ["tiny-words"]

    [[package]]
    name = "tiny-words"
    version = "0.1.0"
    source = "registry+https://github.com/rust-lang/crates.io-index"
    checksum = "\(checksum)"

    """
  }

  private static func serve(_ folder: String) throws -> LocalServer {
    try LocalServer { request, connection in
      let name = request.target.dropFirst()
      let bytes =
        name.contains("/") ? nil : FileManager.default.contents(atPath: "\(folder)/\(name)")
      if let bytes { connection.answer(200, [UInt8](bytes)) } else { connection.answer(404) }
    }
  }

  /// What recipes and target make of the crate, with the limits of its fate.
  private static func plan(
    _ candidate: Candidate, _ crate: TrialCrate, _ checksum: String
  ) throws -> Plan {
    guard let recipes = Checkout.recipes, let triple = TargetTriple(candidate.target),
      let name = CrateName(crate.name), let version = Semver(crate.version)
    else { throw Lacking("there is no plan of \(crate.name) for \(candidate.target)") }
    let facts = VersionFacts(crate: name, version: version, checksum: checksum)
    guard
      case .plan(var plan) = recipes.plan(for: facts, target: triple, executor: candidate.module)
    else { throw Lacking("\(crate.name) is not built for \(triple)") }
    let lowered = crate.fate?.limits
    if let memory = lowered?.memoryMiB { plan.limits.memory = memory << 20 }
    if let disk = lowered?.diskMiB { plan.limits.disk = disk << 20 }
    if let log = lowered?.logKiB { plan.limits.log = log << 10 }
    if let processes = lowered?.processes { plan.limits.processes = processes }
    if let smoke = crate.fate?.smoke { plan.checks.smoke = smoke }
    // An empty list allows everything already.
    if !plan.checks.needed.isEmpty { plan.checks.needed += crate.fate?.needed ?? [] }
    return plan
  }
}
