import ExecutorKit
import Foundation
import Testing

@testable import QEMU

@Suite("qemu")
struct QEMUTests {
  /// targets/executors of this checkout.
  static let files = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "targets/executors").path(percentEncoded: false)

  private func probe(_ triple: String, _ debian: String?) async throws -> TargetHealth {
    let report = await QEMU().probe(
      ProbeRequest(
        targets: [
          .init(triple: triple, configuration: .map(debian.map { ["debian": .text($0)] } ?? [:]))
        ], filesDirectory: Self.files, cacheDirectory: "/nonexistent"))
    return try #require(report.targets[triple])
  }

  @Test("is called what targets call it, and tells its one key")
  func name() {
    #expect(QEMU().describe().name == "qemu")
    #expect(QEMU().describe().configuration.map(\.name) == ["debian"])
  }

  @Test(
    "is ready to make what is not there yet",
    arguments: [
      ("aarch64-unknown-linux-gnu", "arm64"), ("armv7-unknown-linux-gnueabihf", "armhf"),
      ("powerpc64le-unknown-linux-gnu", "ppc64el"), ("s390x-unknown-linux-gnu", "s390x"),
      ("i686-unknown-linux-gnu", "i386"),
    ])
  func ready(_ triple: String, _ debian: String) async throws {
    #expect(try await probe(triple, debian) == .ready(toolchains: []))
  }

  @Test("has nothing for targets that no Debian is")
  func absent() async throws {
    guard case .absent = try await probe("sparc64-unknown-linux-gnu", "arm64") else {
      Issue.record("a target without a Debian is not absent")
      return
    }
  }

  @Test(
    "tells what is wrong in a target's YAML",
    arguments: [
      (nil, "debian is missing"), ("arm", "must be one of amd64, i386, arm64"),
      ("armhf", "Debian's armhf is no aarch64-unknown-linux-gnu, but armv7"),
    ])
  func unhealthy(_ debian: String?, _ expected: String) async throws {
    guard case .unhealthy(let reason, _) = try await probe("aarch64-unknown-linux-gnu", debian)
    else {
      Issue.record("a mistake is not told")
      return
    }
    #expect(reason.contains(expected))
  }

  @Test("refuses a key that it does not read")
  func unknownKey() {
    let failure = #expect(throws: ExecutorFailure.self) {
      try Machine(.map(["debian": .text("arm64"), "debain": .text("x")]))
    }
    #expect(failure?.message.contains("unknown key “debain”") == true)
  }

  @Test("emulates what a machine's own processor cannot run")
  func emulation() throws {
    let emulated = Machine.all.filter { $0.isEmulated(on: "amd64") }.map(\.debian)
    #expect(emulated == ["arm64", "armhf", "ppc64el", "s390x"])
    #expect(Machine.all.filter { $0.isEmulated(on: "arm64") }.count == 5)
  }
}
