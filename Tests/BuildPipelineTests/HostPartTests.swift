import ExecutorKit
import FarmModel
import Foundation
import Testing

@testable import BuildPipeline

@Suite("What the targets of one version share", .timeLimit(.minutes(2)))
struct HostPartTests {
  private static let shared = ["host-digest": "sha256:host"]

  /// Runs builds of one folder one after another; what each found of the host's part.
  private func found(
    script: [String: String] = shared,
    _ change: (_ build: inout FakeBuild, _ round: Int32) -> Void = { _, _ in }
  ) async throws -> [String] {
    try await FakeBuild.with(script: script) { first in
      var found: [String] = []
      for round: Int32 in 1...2 {
        var build = first
        build.attempt = round
        change(&build, round)
        let answer = try await build.run()
        #expect(answer.outcome == .succeeded)
        let line = answer.log.split(separator: "\n").first { $0.hasPrefix("fake: host part:") }
        found.append(String(try #require(line).dropFirst("fake: host part:".count)))
        try FileManager.default.removeItem(atPath: build.folder + "/work")
      }
      return found
    }
  }

  @Test("a second target of the version gets the build scripts of the first")
  func shared() async throws {
    #expect(try await found() == [" ", " by-1"])
  }

  @Test("an environment without a host digest shares nothing")
  func noDigest() async throws {
    #expect(try await found(script: [:]) == [" ", " "])
  }

  @Test("a build that verifies another takes nothing over")
  func independent() async throws {
    #expect(try await found { build, round in build.isIndependent = round == 2 } == [" ", " "])
  }

  @Test("a build that verifies another leaves nothing behind")
  func independentFirst() async throws {
    #expect(try await found { build, round in build.isIndependent = round == 1 } == [" ", " "])
  }

  @Test("other features share nothing")
  func features() async throws {
    #expect(
      try await found { build, round in
        if round == 2 { build.plan.inputs.features = ["more"] }
      } == [" ", " "])
  }

  @Test("a link in the place of the host's part is neither kept nor followed")
  func link() async throws {
    let folder = NSTemporaryDirectory() + "host-part-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let (target, victim) = (folder + "/target", folder + "/victim")
    for path in [target, victim] {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    let old = Date(timeIntervalSince1970: 1_000_000_000)
    try FileManager.default.setAttributes([.modificationDate: old], ofItemAtPath: victim)
    try FileManager.default.createSymbolicLink(
      atPath: target + "/release", withDestinationPath: victim)
    let inputs = BuildInputs(
      crate: "demo", version: "1.0.0", checksum: "aa", target: "x86_64-unknown-linux-gnu",
      executor: "fake", configuration: .map([:]))
    let environment = EnvironmentIdentity(
      digest: "", rustc: "", cargo: "", linker: "", hostDigest: "h")
    let part = try #require(
      HostPart(inputs: inputs, environment: environment, folder: folder + "/host-parts"))
    await part.keep(from: target)
    #expect(!FileManager.default.fileExists(atPath: "\(folder)/host-parts/\(part.key)"))
    let time = try FileManager.default.attributesOfItem(atPath: victim)[.modificationDate] as? Date
    #expect(time == old)
  }

  @Test("what came through a compile cache is not shared")
  func compileCache() async throws {
    #expect(
      try await found { build, round in
        guard round == 1 else { return }
        build.compileCache = CompileCache(program: "/bin/true", directory: build.folder + "/cc")
      } == [" ", " "])
  }

  @Test("the key holds for all targets of a version, and for nothing else")
  func keys() throws {
    let one = BuildInputs(
      crate: "demo", version: "1.0.0", checksum: "aa", target: "x86_64-unknown-linux-gnu",
      executor: "fake", configuration: .map([:]))
    func key(_ host: String? = "h", _ change: (inout BuildInputs) -> Void = { _ in }) -> String? {
      var inputs = one
      change(&inputs)
      let environment = EnvironmentIdentity(
        digest: "", rustc: "", cargo: "", linker: "", hostDigest: host)
      return HostPart(inputs: inputs, environment: environment, folder: "/nowhere")?.key
    }
    #expect(key() != nil)
    #expect(key(nil) == nil)
    #expect(key { $0.target = "aarch64-unknown-linux-gnu" } == key())
    #expect(key { $0.glibc = "2.17" } == key())
    #expect(key("other") != key())
    #expect(key { $0.checksum = "bb" } != key())
    #expect(key { $0.usesDefaultFeatures = false } != key())
    #expect(key { $0.environment = ["A": "b"] } != key())
  }
}
