import Archives
import Foundation
import LocalFarm
import Testing

@Suite("Bad crates in a registry", .serialized, .timeLimit(.minutes(5)))
struct BadCrateTests {
  static let triple = "x86_64-unknown-linux-gnu"

  @Test("each bad crate is told with its reason, makes no job, and holds up nobody")
  func farmGoesOn() async throws {
    try await TestFarm.with(
      targets: [Self.triple: TestFarm.fakeTarget()], modules: ["libFakeExecutor.so"]
    ) { test in
      try publishBadCrates(test.registry)
      try test.registry.publishSimple("good")
      let api = try await test.start()
      try await test.farm.startBuilder("builder-1")
      try await test.farm.sync([
        "wrong-checksum", "escape", "bomb", "no-manifest", "no-json", "good",
      ])
      let job = try await test.job(api, "good", Self.triple)
      let done = try await test.wait(api, job: job) { $0.isFinal }
      #expect(done.state == "succeeded")

      let log = try String(
        contentsOfFile: "\(test.directory)/state/logs/registry-sync.log", encoding: .utf8)
      for (crate, reason) in [
        ("wrong-checksum", "checksum"), ("escape", ".."), ("bomb", "larger"),
        ("no-manifest", "Cargo.toml"), ("no-json", "JSON"),
      ] {
        let line = log.split(separator: "\n").first { $0.contains("warning: \(crate)") }
        #expect(line?.contains(reason) == true, "\(crate): \(line ?? "no line") in \(log)")
      }
      for crate in ["wrong-checksum", "escape", "bomb", "no-manifest"] {
        let targets = try await api.version(crate, "1.0.0").targets
        #expect(targets.allSatisfy { $0.job == nil }, "\(crate)")
      }
    }
  }

  private func publishBadCrates(_ registry: TinyRegistry) throws {
    try registry.publishSimple("wrong-checksum")
    try registry.writeIndex(
      "wrong-checksum", "1.0.0", checksum: String(repeating: "0", count: 64))
    try registry.publish("escape", "1.0.0", bytes: try gzip(tar(path: "escape-1.0.0/../../out")))
    // 200 MB of zeros in 200 kB.
    try registry.publish(
      "bomb", "1.0.0",
      bytes: try gzip(
        tar(path: "bomb-1.0.0/zeros", content: [UInt8](repeating: 0, count: 200 << 20))))
    try registry.publish("no-manifest", "1.0.0", files: ["src/main.rs": Array("fn main() {}".utf8)])
    try registry.write("this is no JSON\n", toIndexOf: "no-json")
  }

  /// A tar of one file with any path, which no careful writer would make (POSIX.1-1988, ustar).
  private func tar(path: String, content: [UInt8] = []) -> [UInt8] {
    var head = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, at offset: Int) {
      head.replaceSubrange(offset..<offset + text.utf8.count, with: Array(text.utf8))
    }
    put(path, at: 0)
    put("0000644\0", at: 100)
    put("0000000\0", at: 108)
    put("0000000\0", at: 116)
    put(String(String(content.count, radix: 8).paddedLeft(to: 11)) + "\0", at: 124)
    put("00000000000\0", at: 136)
    put("        0", at: 148)
    put("ustar\u{0}00", at: 257)
    let sum = head.reduce(0) { $0 + Int($1) }
    put(String(sum, radix: 8).paddedLeft(to: 6) + "\0 ", at: 148)
    let padding = [UInt8](repeating: 0, count: (512 - content.count % 512) % 512 + 1024)
    return head + content + padding
  }

  private func gzip(_ bytes: [UInt8]) throws -> [UInt8] {
    let file = NSTemporaryDirectory() + "buildsrs-gzip-" + UUID().uuidString
    defer {
      try? FileManager.default.removeItem(atPath: file)
      try? FileManager.default.removeItem(atPath: file + ".gz")
    }
    try Data(bytes).write(to: URL(filePath: file))
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/gzip")
    process.arguments = [file]
    try process.run()
    process.waitUntilExit()
    return Array(try #require(FileManager.default.contents(atPath: file + ".gz")))
  }
}

extension String {
  fileprivate func paddedLeft(to width: Int) -> String {
    String(repeating: "0", count: max(0, width - count)) + self
  }
}
