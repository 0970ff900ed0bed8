import Foundation
import LocalFarm
import TestSupport
import Testing

/// A module that is no part of this repository's packages: built from its own folder as a third party
/// would, dropped into a modules directory, and used.
@Suite("A module of a third party", .serialized, .timeLimit(.minutes(10)))
struct ThirdPartyModuleTests {
  private static let triple = "x86_64-unknown-linux-gnu"

  @Test(
    "the example module builds by itself, is listed by probe, builds a crate and ends a wild one")
  func native() async throws {
    let folder = NSTemporaryDirectory() + "buildsrs-native-\(UUID().uuidString.prefix(8))"
    defer { remove(folder) }
    try layOut(folder)
    try await buildModule(into: folder)

    let probe = try await call(
      TestPrograms.program("buildsrs-builder"), ["probe"] + machine(folder), folder)
    #expect(probe.status == 0)
    let row = try #require(probe.text.split(separator: "\n").first { $0.contains("native") })
    #expect(row.contains("0.1.0"), "\(probe.text)")
    let lines = probe.text.split(separator: "\n")
    #expect(
      lines.contains { $0.contains(Self.triple) && $0.contains("ready") }, "\(probe.text)")

    try await withRegistry(folder) { registry, url in
      try registry.publishTiny()
      let built = try await build("tiny@1.2.3", url, folder)
      try #require(built.status == 0, "\(built.log)")
      #expect(built.log.contains("in a bubblewrap sandbox"))
      try await expectArtifacts(folder)

      try publish("nosy", script: Self.nosy, registry)
      let nosy = try await build("nosy@1.0.0", url, folder)
      #expect(nosy.log.contains("found: []"), "\(nosy.log)")

      try publish("wild", script: Self.wild, registry)
      let wild = try await build("wild@1.0.0", url, folder)
      #expect(wild.status == 1)
      #expect(wild.log.contains("timeout: the build did not end within 3 s"), "\(wild.log)")
      #expect(try processes(with: Self.lullaby).isEmpty, "it ends with all that it has started")
    }
  }

  /// A build script that looks for ways out and tells which it has found.
  private static let nosy = """
    use std::{fs, net::UdpSocket, process::id};
    fn main() {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let interfaces = fs::read_to_string("/proc/net/dev").unwrap();
        let mut found = vec![];
        if UdpSocket::bind("0.0.0.0:0").unwrap().connect("192.0.2.1:9").is_ok() { found.push("route") }
        if interfaces.lines().count() != 3 { found.push("interface") }
        if fs::read_dir("/home").is_ok() || fs::read_dir("/var").is_ok() { found.push("homes") }
        if fs::write("/usr/bin/nosy", "").is_ok() { found.push("usr") }
        if fs::write("/nosy", "").is_ok() { found.push("root") }
        if fs::write("/build/crate/nosy", "").is_ok() { found.push("crate") }
        if fs::write("/tmp/nosy", "").is_err() { found.push("no tmp") }
        if !status.contains("CapEff:\\t0000000000000000") { found.push("capabilities") }
        if !status.contains("NoNewPrivs:\\t1") { found.push("new privileges") }
        if id() > 1000 { found.push("processes of the host") }
        if fs::read_to_string("/proc/1/cmdline").unwrap().contains("/state/") { found.push("paths") }
        panic!("found: {found:?}");
    }
    """

  /// A build script that leaves a process of its own session behind and never ends.
  private static let wild = """
    use std::process::Command;
    fn main() {
        Command::new("setsid").args(["sleep", "\(lullaby)"]).spawn().unwrap();
        loop { std::thread::park() }
    }
    """
  /// How long the process sleeps: found again by it.
  private static let lullaby = "98765.4321"

  /// The processes of this machine whose command lines have a word.
  private func processes(with word: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { name in
      let line = FileManager.default.contents(atPath: "/proc/\(name)/cmdline") ?? Data()
      return String(decoding: line, as: UTF8.self).split(separator: "\0").contains { $0 == word }
    }
  }

  private func publish(_ name: String, script: String, _ registry: TinyRegistry) throws {
    let package = "name = \"\(name)\"\nversion = \"1.0.0\"\n"
    let files = [
      "Cargo.toml": "[package]\n\(package)edition = \"2021\"\n",
      "Cargo.lock": "version = 4\n\n[[package]]\n\(package)", "build.rs": script,
      "src/main.rs": "fn main() {}\n",
    ]
    try registry.publish(name, "1.0.0", files: files.mapValues { Array($0.utf8) })
  }

  private func expectArtifacts(_ folder: String) async throws {
    let out = folder + "/out"
    let stem = "tiny-1.2.3-\(Self.triple)"
    let files = try FileManager.default.contentsOfDirectory(atPath: out).sorted()
    #expect(
      files == [
        "\(stem).metadata.json", "\(stem).sbom.cdx.json", "\(stem).tar.gz", "tiny_1.2.3_amd64.deb",
      ])
    let list = try await call("/usr/bin/tar", ["-tzf", "\(out)/\(stem).tar.gz"], folder)
    #expect(
      list.text == "completions/tiny.bash\nman/tiny.1\ntiny\n", "what its build script makes, too")
    let unpack = try await call(
      "/usr/bin/dpkg-deb", ["-x", out + "/tiny_1.2.3_amd64.deb", folder + "/deb"], folder)
    #expect(unpack.status == 0)
    let run = try await call(folder + "/deb/usr/bin/tiny", [], folder)
    #expect(run.text == "tiny 1.2.3 for \(Self.triple) built on \(Self.triple)\n")
    let bill = try String(contentsOfFile: "\(out)/\(stem).sbom.cdx.json", encoding: .utf8)
    #expect(bill.contains("pkg:cargo/tiny-words@0.1.0"))
  }

  private func layOut(_ folder: String) throws {
    for name in ["modules", "targets/executors"] {
      try FileManager.default.createDirectory(
        atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
    }
    let target = """
      triple: \(Self.triple)
      executor: native
      tier: 1
      rust: ">=1.85"
      glibc: "2.36"
      runner: []
      """
    try Data(target.utf8).write(to: URL(filePath: "\(folder)/targets/\(Self.triple).yaml"))
    try FileManager.default.copyItem(
      atPath: Checkout.root + "/recipes", toPath: folder + "/recipes")
    let recipe = "crate: wild\nversions:\n  - limits: { time: 3s }\n"
    try Data(recipe.utf8).write(to: URL(filePath: folder + "/recipes/wild.yaml"))
    // It must get along with others in one directory.
    try FileManager.default.copyItem(
      atPath: TestPrograms.module("FakeExecutor"), toPath: "\(folder)/modules/libFakeExecutor.so")
  }

  private func buildModule(into folder: String) async throws {
    let product = "libNativeExecutor.so"
    let build = try await call(
      "/usr/bin/env",
      ["swift", "build", "--package-path", Checkout.root + "/Examples/native-executor"]
        + ["--scratch-path", folder + "/scratch"], folder)
    try #require(build.status == 0, "\(build.text)\(build.log)")
    try FileManager.default.copyItem(
      atPath: "\(folder)/scratch/debug/\(product)", toPath: "\(folder)/modules/\(product)")
  }

  private func machine(_ folder: String) -> [String] {
    [
      "--modules-directory", folder + "/modules", "--targets-directory", folder + "/targets",
      "--cache-directory", folder + "/cache",
    ]
  }

  private func build(_ crate: String, _ registry: String, _ folder: String) async throws -> (
    status: Int32, text: String, log: String
  ) {
    try await call(
      TestPrograms.program("buildsrs-builder"),
      ["build", crate, "--target", Self.triple, "--registry-url", registry]
        + ["--output", folder + "/out", "--recipes-directory", folder + "/recipes"]
        + ["--state-directory", folder + "/state", "--json"] + machine(folder), folder)
  }

  private func withRegistry(
    _ folder: String, _ body: (TinyRegistry, String) async throws -> Void
  ) async throws {
    let registry = try TinyRegistry(in: folder + "/registry")
    try await registry.serve(logs: folder + "/calls") { try await body(registry, $0) }
  }

  private func call(_ program: String, _ arguments: [String], _ folder: String) async throws -> (
    status: Int32, text: String, log: String
  ) {
    let child = try ChildProcess(
      "call-\(UUID().uuidString.prefix(8))", [program] + arguments, directory: folder + "/calls")
    let status = await child.ending()
    return (
      status, try String(contentsOfFile: child.outputFile, encoding: .utf8),
      try String(contentsOfFile: child.logFile, encoding: .utf8)
    )
  }

  /// The crate store's folders are read-only.
  private func remove(_ folder: String) {
    for path in FileManager.default.subpaths(atPath: folder + "/state") ?? [] {
      chmod("\(folder)/state/\(path)", 0o755)
    }
    try? FileManager.default.removeItem(atPath: folder)
  }
}
