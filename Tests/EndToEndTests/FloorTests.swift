import Cryptography
import Foundation
import LocalFarm
import TestSupport
import Testing

/// A promised glibc is proved by what an old loader says, not only by what a binary's headers say.
@Suite("Artifacts on an old Debian", .serialized, .timeLimit(.minutes(20)))
struct FloorTests {
  @Test(
    "what zig links starts there",
    arguments: ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"])
  func zig(target: String) async throws {
    try await withBuilds { builds in
      let (report, archive) = try await builds.build(target, recipe: "versions: [{ smoke: [] }]\n")
      #expect(["2.16", "2.17"].contains(report.binaries[0].inspection.glibcFloor))
      #expect(report.environment.linker.hasPrefix("zig "))
      #expect(report.smoke.contains("of /tiny-c-0.3.0/c/tiny.c with zlib none, root 1"))
      let check = try await builds.checkFloor([archive])
      // 77: this machine's archive has no older Debian.
      #expect([0, 77].contains(check.status), "\(check.text)")
    }
  }

  @Test(
    "what gcc links with a system library tells its real floor, and is refused there",
    arguments: ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"])
  func gcc(target: String) async throws {
    try await withBuilds { builds in
      let (report, archive) = try await builds.build(
        target,
        recipe: """
          versions:
            - linker: gcc
              features: [zlib]
              packages: { debian: [zlib1g-dev] }

          """)
      #expect(report.binaries[0].inspection.glibcFloor == "2.34")
      #expect(report.smoke.contains(/with zlib 1\.\d+\.\d+/))
      #expect(report.environment.digest.hasPrefix("sha256:"))
      let check = try await builds.checkFloor(["--refused", archive])
      #expect([0, 77].contains(check.status), "\(check.text)")
    }
  }

  @Test("a system library that zig cannot use fails with the remedy")
  func remedy() async throws {
    try await withBuilds { builds in
      let recipe = "versions: [{ features: [zlib], packages: { debian: [zlib1g-dev] } }]\n"
      let child = try await builds.start("x86_64-unknown-linux-gnu", recipe: recipe)
      #expect(await child.ending() == 1)
      let log = try String(contentsOfFile: child.logFile, encoding: .utf8)
      #expect(log.contains("zig does not use the system's zlib1g-dev"))
      #expect(log.contains("with `linker: gcc` in the recipe"))
    }
  }

  private func withBuilds(_ body: (HandBuilds) async throws -> Void) async throws {
    let directory = NSTemporaryDirectory() + "buildsrs-floor-" + UUID().uuidString.prefix(8)
    let registry = try TinyRegistry(in: directory + "/registry")
    try registry.publish("tiny-c", "0.3.0", files: TinyRegistry.files(ofCrate: "tiny-c"))
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try await registry.serve(logs: directory) { url in
      try await body(HandBuilds(directory: directory, registry: url))
    }
  }
}

/// Builds `tiny-c` by hand with the farm's own targets.
private struct HandBuilds {
  let directory: String
  /// The URL of the registry's index.
  let registry: String

  /// What is read of a build's report.
  struct Report: Decodable {
    struct Binary: Decodable {
      struct Inspection: Decodable { let glibcFloor: String? }
      struct Smoke: Decodable { let output: String }
      let inspection: Inspection
      let smoke: [Smoke]
    }
    struct Environment: Decodable { let digest, linker: String }
    let binaries: [Binary]
    let environment: Environment
    var smoke: String { binaries[0].smoke[0].output }
  }

  func start(_ target: String, recipe: String) async throws -> ChildProcess {
    let recipes = directory + "/recipes"
    try FileManager.default.createDirectory(
      atPath: recipes, withIntermediateDirectories: true)
    try FileManager.default.copyItem(
      atPath: Checkout.root + "/recipes/_default.yaml", toPath: recipes + "/_default.yaml")
    try Data(("crate: tiny-c\n" + recipe).utf8).write(
      to: URL(filePath: recipes + "/tiny-c.yaml"))
    return try ChildProcess(
      "build",
      [
        TestPrograms.program("buildsrs-builder"), "build", "tiny-c", "--target", target,
        "--registry-url", registry, "--modules-directory",
        TestPrograms.directory, "--targets-directory", Checkout.root + "/targets",
        "--recipes-directory", recipes, "--state-directory", directory + "/state", "--output",
        directory + "/out", "--json",
      ], directory: directory)
  }

  /// A build's report and the path of its archive.
  func build(_ target: String, recipe: String) async throws -> (Report, archive: String) {
    let child = try await start(target, recipe: recipe)
    let status = await child.ending()
    let log = try String(contentsOfFile: child.logFile, encoding: .utf8)
    try #require(status == 0, "\(log.suffix(3000))")
    let json = try Data(contentsOf: URL(filePath: child.outputFile))
    return (
      try JSONDecoder().decode(Report.self, from: json),
      "\(directory)/out/tiny-c-0.3.0-\(target).tar.gz"
    )
  }

  func checkFloor(_ arguments: [String]) async throws -> (status: Int32, text: String) {
    let child = try ChildProcess(
      "floor", [Checkout.root + "/scripts/check_floor.sh"] + arguments, directory: directory)
    let status = await child.ending()
    return (status, try String(contentsOfFile: child.logFile, encoding: .utf8))
  }
}
