import Cryptography
import Foundation
import LocalFarm
import Signing
import Testing

@Suite("A real build in a real container", .serialized, .timeLimit(.minutes(20)))
struct RealBuildTests {
  static let triple = "aarch64-unknown-linux-gnu"

  @Test("a crate with a dependency and a build script is built, run, signed and downloaded")
  func tiny() async throws {
    let target = try String(
      contentsOfFile: Checkout.root + "/targets/\(Self.triple).yaml", encoding: .utf8)
    try await TestFarm.with(
      targets: [Self.triple: target], modules: ["libDockerCrossExecutor.so"]
    ) { test in
      try test.registry.publishTiny()
      let api = try await test.start()
      try await test.farm.startBuilder("builder-1")
      try await expectEngine(api, test)
      try await test.farm.sync(["tiny"])
      let job = try await test.job(api, "tiny", Self.triple)
      // The first build on a machine makes the image.
      let done = try await test.wait(api, job: job, within: .seconds(900)) { $0.isFinal }
      let log = try await api.log(job)
      try #require(done.state == "succeeded", "\(done.failure?.message ?? "")\n\(log)")
      try expectTruth(of: done)
      try await expectDownload(api, test)
      try await expectCheck(api, test, job: job)
    }
  }

  /// Without a Docker engine there is no such build: fail at once, in the builder's own words.
  private func expectEngine(_ api: FarmAPI, _ test: TestFarm) async throws {
    let builder = try await test.wait(for: "the builder's capabilities") {
      try await api.builders().first { $0.capabilities?.targets.isEmpty == false }
    }
    let target = try #require(builder.capabilities?.targets.first { $0.triple == Self.triple })
    try #require(target.health == "ready", "\(target.reason ?? ""); \(target.remedy ?? "")")
  }

  private func expectTruth(of job: JobAnswer) throws {
    let build = try #require(job.build)
    let binary = try #require(build.binaries.first)
    #expect(build.binaries.map(\.name) == ["tiny"])
    #expect(binary.inspection.machine == "aarch64")
    #expect(binary.inspection.needed.contains("libc.so.6"))
    #expect(build.glibcFloor?.hasPrefix("2.") == true)
    let smoke = try #require(binary.smoke.first)
    #expect(smoke.arguments == ["--version"])
    #expect(smoke.verdict == "answered")
    #expect(
      smoke.output == "tiny 1.2.3 for \(Self.triple) built on x86_64-unknown-linux-gnu\n")
    #expect(Set(build.seconds.keys).isSuperset(of: ["fetch", "build", "inspect", "smoke"]))
  }

  private func expectDownload(_ api: FarmAPI, _ test: TestFarm) async throws {
    let name = "tiny-1.2.3-\(Self.triple).tar.gz"
    let file = "\(test.directory)/\(name)"
    let url = "/download/tiny-1.2.3/\(name)"
    try await api.download(url, to: file)
    try await api.download(url + ".minisig", to: file + ".minisig")
    let artifacts = try await api.version("tiny", "1.2.3").targets.first?.artifacts
    let told = try #require(artifacts?.first { $0.name == name })
    #expect(try SHA256.hex(ofFile: file).hex == told.sha256)

    let key = "\(test.directory)/state/minisign.pub"
    #expect(try await call("minisign", "-V", "-p", key, "-m", file).status == 0)
    try expectRefusalOfFlippedByte(file, key)
    #expect(try await call("tar", "-xzf", file, "-C", test.directory).status == 0)
    #expect(try await call("file", "-b", "\(test.directory)/tiny").text.contains("ARM aarch64"))
    let run = try await call(
      "qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu", "\(test.directory)/tiny")
    #expect(run.status == 0)
    #expect(run.text.hasPrefix("tiny 1.2.3 for aarch64"))

    func call(_ program: String, _ arguments: String...) async throws -> (
      status: Int32, text: String
    ) {
      let child = try ChildProcess(
        "call", ["/usr/bin/env", program] + arguments, directory: "\(test.directory)/calls")
      let status = await child.ending()
      return (status, try String(contentsOfFile: child.outputFile, encoding: .utf8))
    }
  }

  /// A recipe that asks for another output starts what is published once more, in the same container, and
  /// builds nothing.
  private func expectCheck(_ api: FarmAPI, _ test: TestFarm, job: Int64) async throws {
    let recipe = "crate: tiny\nversions: [{ smoke: [{ expect: ^tiny 1.2.3 for aarch64 }] }]\n"
    try Data(recipe.utf8).write(to: URL(filePath: "\(test.directory)/recipes/tiny.yaml"))
    try await test.farm.applyRecipes()
    let checked = try await test.wait(api, job: job) { $0.attempts.count == 2 && $0.isFinal }
    let log = try await api.log(job)
    try #require(checked.state == "succeeded", "\(checked.failure?.message ?? "")\n\(log)")
    #expect(checked.build?.revision == 1)
    let smoke = try #require(checked.build?.binaries.first?.smoke.first)
    #expect(smoke.verdict == "expected" && smoke.output.hasPrefix("tiny 1.2.3 for aarch64"))
    #expect(!log.contains("cargo build"), "\(log)")
  }

  private func expectRefusalOfFlippedByte(_ file: String, _ key: String) throws {
    let publicKey = try PublicKey(contentsOf: key)
    let signature = try String(contentsOfFile: file + ".minisig", encoding: .utf8)
    _ = try publicKey.verify(signatureText: signature, contentsOfFile: file)
    var bytes = try Data(contentsOf: URL(filePath: file))
    bytes[bytes.count / 2] ^= 1
    try bytes.write(to: URL(filePath: file + ".changed"))
    #expect(throws: SignatureError.self) {
      try publicKey.verify(signatureText: signature, contentsOfFile: file + ".changed")
    }
  }
}
