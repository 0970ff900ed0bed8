import Archives
import BuildPipeline
import Cryptography
import ExecutorKit
import FarmModel
import Foundation

/// A served crate and a folder for one attempt with the fake module.
struct FakeBuild: Sendable {
  let folder: String
  let server: LocalServer
  var plan: Plan
  var attempt: Int32 = 1
  var isIndependent = false
  var compileCache: CompileCache?

  /// Runs a body with a small crate `demo 1.0.0` behind a local server.
  static func with<Result>(
    files: [String: String] = demo, script: [String: String] = [:],
    _ body: (FakeBuild) async throws -> Result
  ) async throws -> Result {
    try await withFolder { folder in
      let path = folder + "/demo.crate"
      try writeReproducibleTarGz(
        entries: files.map {
          ArchiveInput(path: "demo-1.0.0/\($0)", content: .bytes(Array($1.utf8)))
        }, to: path, modificationTime: 0)
      let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
      let server = try LocalServer { request, connection in
        if request.target == "/demo-1.0.0.crate" {
          connection.answer(200, bytes)
        } else {
          connection.answer(404)
        }
      }
      defer { server.stop() }
      return try await body(
        FakeBuild(folder: folder, server: server, plan: plan(SHA256.hex(of: bytes), script)))
    }
  }

  static let demo = [
    "Cargo.toml": "[package]\nname = \"demo\"\nversion = \"1.0.0\"\nedition = \"2021\"\n",
    "Cargo.lock": "version = 3\n\n[[package]]\nname = \"demo\"\nversion = \"1.0.0\"\n",
    "src/main.rs": "fn main() {}\n", "LICENSE": "MIT\n",
  ]

  /// The target is the machine's own, since the "product" is one of its programs.
  private static func plan(_ checksum: String, _ script: [String: String]) -> Plan {
    var machine = utsname()
    uname(&machine)
    let architecture = withUnsafeBytes(of: &machine.machine) {
      String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
    let all = ["binary": "/bin/true"].merging(script) { $1 }
    let inputs = BuildInputs(
      crate: "demo", version: "1.0.0", checksum: checksum,
      target: "\(architecture)-unknown-linux-gnu", executor: "fake",
      configuration: .map(all.mapValues { .text($0) }), glibc: "2.99")
    return Plan(inputs: inputs, checks: BuildChecks(), limits: Limits())
  }

  var request: HostRequest {
    .build(
      HostBuildRequest(
        identity: AttemptIdentity(owner: "test", job: 7, attempt: attempt), plan: plan,
        sourceURL: server.url + "/demo-1.0.0.crate",
        downloadTemplate: server.url + "/{crate}-{version}.crate", workDirectory: folder + "/work",
        storeDirectory: folder + "/store", filesDirectory: folder,
        cacheDirectory: folder + "/modules", hostPartsDirectory: folder + "/host-parts",
        compileCache: compileCache, isIndependent: isIndependent))
  }

  /// Runs the attempt in a real executor host.
  func run(
    grace: Int = 20, react: @escaping @Sendable (HostEvent) -> HostReaction = { _ in .goOn }
  ) async throws -> HostAnswer {
    try await askHost("FakeExecutor", request, grace: grace, react: react)
  }
}

extension AttemptOutcome {
  var failureClass: FailureClass? {
    if case .failed(let failureClass, _) = self { failureClass } else { nil }
  }
  var message: String? { if case .failed(_, let message) = self { message } else { nil } }
}
