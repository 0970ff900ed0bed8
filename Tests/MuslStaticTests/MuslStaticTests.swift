import ExecutorKit
import Foundation
import RootFileSystem
import Testing

@testable import MuslStatic

@Suite("musl-static")
struct MuslStaticTests {
  /// targets/executors of this checkout.
  static let files = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "targets/executors").path(percentEncoded: false)

  private func probe(
    _ triple: String, _ configuration: ConfigurationValue = .map([:]), files: String = Self.files
  ) async throws -> TargetHealth {
    let report = await MuslStatic().probe(
      ProbeRequest(
        targets: [.init(triple: triple, configuration: configuration)], filesDirectory: files,
        cacheDirectory: "/nonexistent"))
    return try #require(report.targets[triple])
  }

  @Test("is called what targets call it")
  func name() {
    #expect(MuslStatic().describe().name == "musl-static")
    #expect(MuslStatic().describe().kitVersion == executorKitVersion)
  }

  @Test("is ready to make what is not there yet", arguments: MuslStatic.targets)
  func ready(_ triple: String) async throws {
    #expect(try await probe(triple) == .ready(toolchains: []))
  }

  @Test("has nothing for targets without a standard library")
  func absent() async throws {
    guard case .absent(let reason) = try await probe("x86_64-unknown-linux-gnu") else {
      Issue.record("a glibc target is not absent")
      return
    }
    #expect(reason.contains("x86_64-unknown-linux-musl"))
  }

  @Test("tells what is wrong in a target's YAML, and where its scripts are missing")
  func unhealthy() async throws {
    let triple = MuslStatic.targets[0]
    guard case .unhealthy(let key, _) = try await probe(triple, .map(["gcc": .text("x")])),
      case .unhealthy(let scripts, _) = try await probe(triple, files: "/nonexistent")
    else {
      Issue.record("a mistake is not told")
      return
    }
    #expect(key.contains("unknown key “gcc”"))
    #expect(scripts.contains("/nonexistent/musl-static/make_root.sh"))
  }

  @Test("makes one root file system for both targets, another for a recipe's packages")
  func roots() throws {
    let plain = try MuslStatic.recipe(filesDirectory: Self.files)
    #expect(plain.folderName.hasPrefix("musl-static-"))
    #expect(
      try MuslStatic.recipe(filesDirectory: Self.files, packages: ["cmake"]).folderName
        != plain.folderName)
  }
}
