import Foundation
import LocalFarm
import TestSupport
import Testing

@Suite("Builds by hand", .serialized, .timeLimit(.minutes(3)))
struct BuildByHandTests {
  private static let triple = "x86_64-unknown-linux-gnu"
  private static let otherTriple = "aarch64-unknown-linux-gnu"

  /// What a command answered.
  private struct Answer {
    var status: Int32
    var output: String
    var errors: String
  }

  /// A folder with the fake module, a target that is scripted, and a served crate `demo 1.0.0`.
  private struct Bench {
    let folder: String
    let registry: String

    func call(_ command: String, _ arguments: String...) async throws -> Answer {
      let child = try start(command, arguments)
      let status = await child.ending()
      return Answer(
        status: status, output: try String(contentsOfFile: child.outputFile, encoding: .utf8),
        errors: try String(contentsOfFile: child.logFile, encoding: .utf8))
    }

    func start(_ command: String, _ arguments: [String]) throws -> ChildProcess {
      let machine = [
        "--modules-directory", folder + "/modules", "--targets-directory", folder + "/targets",
        "--cache-directory", folder + "/cache", "--state-directory", folder + "/state",
      ]
      let build = [
        "--registry-url", registry, "--output", folder + "/out", "--recipes-directory",
        folder + "/recipes",
      ]
      return try ChildProcess(
        command,
        [TestPrograms.program("buildsrs-builder"), command] + machine
          + (command == "build" ? build : []) + arguments, directory: folder + "/calls")
    }

    /// Replaces what the module is told to do.
    func tell(_ script: String) throws {
      try Data(TestFarm.fakeTarget(script).utf8)
        .write(to: URL(filePath: "\(folder)/targets/\(BuildByHandTests.triple).yaml"))
    }

    /// Makes a second target, of which the machine's own program is no product.
    func addOther(_ script: String) throws {
      let text = TestFarm.fakeTarget(script)
        .replacing(BuildByHandTests.triple, with: BuildByHandTests.otherTriple)
      try Data(text.utf8)
        .write(to: URL(filePath: "\(folder)/targets/\(BuildByHandTests.otherTriple).yaml"))
    }

    /// Puts down a program that answers as sccache does.
    func addCacheProgram() throws -> String {
      let path = folder + "/sccache"
      try Data("#!/bin/sh\necho sccache 0.10.0\n".utf8).write(to: URL(filePath: path))
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
      return path
    }

    /// What is left of work in the state directory.
    func leftovers() throws -> [String] {
      try FileManager.default.contentsOfDirectory(atPath: folder + "/state/local")
    }

    func json(_ text: String) throws -> [String: Any] {
      try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }
  }

  private func withBench(_ script: String = "", _ body: (Bench) async throws -> Void) async throws {
    let folder = NSTemporaryDirectory() + "buildsrs-by-hand-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for name in ["modules", "targets/executors", "recipes"] {
      try FileManager.default.createDirectory(
        atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
    }
    try Data("default-features: true\n".utf8)
      .write(to: URL(filePath: "\(folder)/recipes/_default.yaml"))
    try FileManager.default.copyItem(
      atPath: TestPrograms.module("FakeExecutor"), toPath: "\(folder)/modules/libFakeExecutor.so")
    let registry = try TinyRegistry(in: folder + "/registry")
    try registry.publishSimple("demo")
    try registry.publishSimple(
      "steered",
      metadata: """
        features = ["cli"]
        default-features = false
        targets = ["\(Self.triple)"]
        tagets = []
        """, features: "cli = []")
    try registry.publishSimple("shy", metadata: #"opt-out = "not stable yet""#)
    try await registry.serve(logs: folder + "/calls") { url in
      let bench = Bench(folder: folder, registry: url)
      try bench.tell(script)
      try await body(bench)
    }
  }

  private func metadata(_ bench: Bench, of crate: String = "demo") throws -> [String: Any] {
    let path = "\(bench.folder)/out/\(crate)-1.0.0-\(Self.triple).metadata.json"
    return try bench.json(try String(contentsOfFile: path, encoding: .utf8))
  }

  @Test("a build that is the same twice is reproduced, and its metadata says so")
  func reproduced() async throws {
    try await withBench { bench in
      let answer = try await bench.call(
        "build", "demo", "--target", Self.triple, "--twice", "--json")
      #expect(answer.status == 0, "\(answer.errors)")
      let finding = try bench.json(answer.output)["reproducibility"] as? [String: Any]
      #expect(finding?["verdict"] as? String == "reproduced")
      let kept = try metadata(bench)["reproducibility"] as? [String: Any]
      #expect(kept?["verdict"] as? String == "reproduced")
      #expect(!FileManager.default.fileExists(atPath: bench.folder + "/out/once-more"))
      #expect(try bench.leftovers() == [])
    }
  }

  @Test("a build that differs ends with 1, names what differs, and both are kept")
  func differs() async throws {
    try await withBench("unstable: yes") { bench in
      let answer = try await bench.call("build", "demo", "--target", Self.triple, "--twice")
      #expect(answer.status == 1)
      #expect(answer.errors.contains("the second build differs in bin/demo"), "\(answer.errors)")
      #expect(answer.output.contains("built twice, differs: bin/demo"), "\(answer.output)")
      let kept = try metadata(bench)["reproducibility"] as? [String: Any]
      #expect((kept?["differing"] as? [String])?.contains("bin/demo") == true)
      let archive = "demo-1.0.0-\(Self.triple).tar.gz"
      let first = FileManager.default.contents(atPath: "\(bench.folder)/out/\(archive)")
      let second = FileManager.default.contents(atPath: "\(bench.folder)/out/once-more/\(archive)")
      #expect(first != nil && second != nil && first != second)
    }
  }

  @Test("a build once is untested, and says nothing of it")
  func once() async throws {
    try await withBench { bench in
      let answer = try await bench.call("build", "demo", "--target", Self.triple, "--json")
      #expect(answer.status == 0, "\(answer.errors)")
      #expect(try bench.json(answer.output)["reproducibility"] == nil)
      #expect(try metadata(bench)["reproducibility"] == nil)
    }
  }

  @Test("what the author says holds as it does for the farm")
  func author() async throws {
    try await withBench { bench in
      try bench.addOther("")
      let answer = try await bench.call("build", "steered", "--target", Self.triple)
      #expect(answer.status == 0, "\(answer.errors)")
      #expect(answer.errors.contains("unknown key “tagets”: did you mean “targets”?"))
      let built = try metadata(bench, of: "steered")
      #expect(built["features"] as? [String] == ["cli"])
      #expect(built["default_features"] as? Bool == false, "\(built)")
      let other = try await bench.call("build", "steered", "--target", Self.otherTriple)
      #expect(other.status == 1)
      #expect(
        other.errors.contains("the crate's author wants builds for “\(Self.triple)” only"),
        "\(other.errors)")
      // A crate's recipe is stronger.
      try Data("crate: steered\nversions: [{ features: [] }]\n".utf8)
        .write(to: URL(filePath: bench.folder + "/recipes/steered.yaml"))
      let again = try await bench.call("build", "steered", "--target", Self.triple)
      #expect(again.status == 0, "\(again.errors)")
      #expect(try metadata(bench, of: "steered")["features"] as? [String] == [])
    }
  }

  @Test("an author who wants no published binaries is named, and the build is the person's own")
  func optedOut() async throws {
    try await withBench { bench in
      let answer = try await bench.call("build", "shy", "--target", Self.triple)
      #expect(answer.status == 0, "\(answer.errors)")
      #expect(
        answer.errors.contains(
          "the crate's author wants no binaries from builds.rs: “not stable yet”. The farm would not"
        ),
        "\(answer.errors)")
    }
  }

  @Test("environments are made ready ahead, and what cannot be is told")
  func prepare() async throws {
    try await withBench { bench in
      let made = try await bench.call("prepare")
      #expect(made.status == 0, "\(made.errors)")
      #expect(made.output.contains(Self.triple) && made.output.contains("1.96.0"))
      let unknown = try await bench.call("prepare", "--target", "s390x-unknown-linux-gnu")
      #expect(unknown.status == 2)
      #expect(unknown.errors.contains("there is no target s390x-unknown-linux-gnu"))
      let other = try await bench.call("prepare", "--executor", "qemu")
      #expect(other.status == 2)
      #expect(other.errors.contains("no such target names the executor qemu"), "\(other.errors)")
    }
    try await withBench("prepare: fail:infrastructure") { bench in
      let failed = try await bench.call("prepare", "--target", Self.triple)
      #expect(failed.status == 1)
      #expect(failed.errors.contains("told to fail: infrastructure"), "\(failed.errors)")
    }
    try await withBench("probe: unhealthy") { bench in
      let unhealthy = try await bench.call("prepare", "--target", Self.triple)
      #expect(unhealthy.status == 1)
      #expect(unhealthy.errors.contains("change `probe`"), "\(unhealthy.errors)")
    }
  }

  @Test("what a killed build has left is removed by the next one")
  func killed() async throws {
    try await withBench { bench in
      try bench.tell("wait-for: \(bench.folder)/never")
      let child = try bench.start("build", ["demo", "--target", Self.triple])
      try await fileToContain("fake: build begins", child.logFile)
      await child.send(SIGKILL)
      _ = await child.ending()
      #expect(try bench.leftovers().contains { $0.hasSuffix(".holder") })
      try bench.tell("")
      let next = try await bench.call("build", "demo", "--target", Self.triple)
      #expect(next.status == 0, "\(next.errors)")
      #expect(try bench.leftovers() == [])
    }
  }

  @Test("where a module crashes, the other targets get their turn, and JSON tells all of them")
  func crash() async throws {
    try await withBench("command: crash") { bench in
      try bench.addOther("command: crash")
      let answer = try await bench.call(
        "build", "demo", "--target", Self.triple, "--target", Self.otherTriple, "--json")
      #expect(answer.status == 1)
      let all = try JSONSerialization.jsonObject(with: Data(answer.output.utf8)) as? [[String: Any]]
      #expect(all?.count == 2)
      for one in all ?? [] {
        let outcome = one["outcome"] as? [String: Any]
        #expect(outcome?["failure_class"] as? String == "infrastructure", "\(one)")
      }
      #expect(try bench.leftovers() == [])
    }
  }

  @Test("where what was built cannot be put down, the other targets get their turn all the same")
  func inTheWay() async throws {
    try await withBench { bench in
      try bench.addOther("")
      let archive = "\(bench.folder)/out/demo-1.0.0-\(Self.triple).tar.gz"
      try FileManager.default.createDirectory(
        atPath: archive + "/mine", withIntermediateDirectories: true)
      let answer = try await bench.call(
        "build", "demo", "--target", Self.triple, "--target", Self.otherTriple, "--json")
      #expect(answer.status == 1)
      let all = try JSONSerialization.jsonObject(with: Data(answer.output.utf8)) as? [[String: Any]]
      let outcomes = (all ?? []).map { $0["outcome"] as? [String: Any] }
      #expect(
        outcomes.map { $0?["failure_class"] as? String } == ["infrastructure", "inspection"],
        "\(answer.output)")
      let message = outcomes.first??["message"] as? String
      #expect(message?.contains("\(archive) is in the way") == true, "\(message ?? "")")
      #expect(FileManager.default.fileExists(atPath: archive + "/mine"))
      #expect(try bench.leftovers() == [])
    }
  }

  @Test("where there is no place to build, that is a failed outcome in plain words")
  func noPlace() async throws {
    try await withBench { bench in
      try FileManager.default.createDirectory(
        atPath: bench.folder + "/state", withIntermediateDirectories: true)
      try Data().write(to: URL(filePath: bench.folder + "/state/local"))
      let answer = try await bench.call("build", "demo", "--target", Self.triple, "--json")
      #expect(answer.status == 1)
      let outcome = try bench.json(answer.output)["outcome"] as? [String: Any]
      #expect(outcome?["failure_class"] as? String == "infrastructure")
      let message = outcome?["message"] as? String ?? ""
      #expect(message.hasPrefix("there is no place to build: "), "\(message)")
      #expect(!message.contains("Error") && !message.contains("Code="), "\(message)")
    }
  }

  @Test("a target that is named twice is built once")
  func sameTarget() async throws {
    try await withBench { bench in
      let answer = try await bench.call(
        "build", "demo", "--target", Self.triple, "--target", Self.triple, "--json")
      #expect(answer.status == 0, "\(answer.errors)")
      #expect(try bench.json(answer.output)["target"] as? String == Self.triple)
    }
  }

  @Test("what the registry does not have leaves no directory behind")
  func noVersion() async throws {
    try await withBench { bench in
      let answer = try await bench.call("build", "demo@9.9.9", "--target", Self.triple)
      #expect(answer.status == 1)
      #expect(answer.errors.contains("no such version"), "\(answer.errors)")
      #expect(!FileManager.default.fileExists(atPath: bench.folder + "/out"))
    }
  }

  @Test(
    "what was asked wrongly ends with 2, before anything is built",
    arguments: [
      (["--output", "/dev/null/out"], "--output"),
      (["--executor", "nope"], "names no executor nope"),
      (["--modules-directory", "/nonexistent"], "--modules-directory"),
      (["--sccache", "/bin/true"], "--compile-cache"),
      (["--compile-cache", "/dev/null/cc", "--sccache", "/bin/true"], "is not sccache"),
      (["--state-directory", "/dev/null/state"], "--state-directory /dev/null"),
    ])
  func usage(options: [String], told: String) async throws {
    try await withBench { bench in
      let child = try bench.start("build", ["demo", "--target", Self.triple] + options)
      #expect(await child.ending() == 2)
      #expect(child.lastLines().contains(told), "\(child.lastLines())")
    }
  }

  @Test("a compile cache without its program is wrong usage")
  func compileCache() async throws {
    try await withBench { bench in
      let answer = try await bench.call(
        "build", "demo", "--target", Self.triple, "--compile-cache", bench.folder + "/cc",
        "--sccache", "/nowhere/sccache")
      #expect(answer.status == 2)
      #expect(answer.errors.contains("--sccache"), "\(answer.errors)")
    }
  }

  @Test("a compile cache that cannot be made is wrong usage; builds get a folder of one that can")
  func compileCacheDirectory() async throws {
    try await withBench("host-digest: sha256:host") { bench in
      let program = try bench.addCacheProgram()
      let impossible = try await bench.call(
        "build", "demo", "--target", Self.triple, "--compile-cache", "/dev/null/cc", "--sccache",
        program)
      #expect(impossible.status == 2)
      #expect(impossible.errors.contains("--compile-cache /dev/null/cc"), "\(impossible.errors)")
      let cache = bench.folder + "/cc"
      let answer = try await bench.call(
        "build", "demo", "--target", Self.triple, "--compile-cache", cache, "--sccache", program)
      #expect(answer.status == 0, "\(answer.errors)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: cache) == ["sccache"])
    }
  }

  /// A file of another process's tells nobody of its growth: it is looked at again and again, within the
  /// suite's time limit.
  private func fileToContain(_ text: String, _ path: String) async throws {
    while try !String(contentsOfFile: path, encoding: .utf8).contains(text) {
      try await Task.sleep(for: .milliseconds(10))
    }
  }
}
