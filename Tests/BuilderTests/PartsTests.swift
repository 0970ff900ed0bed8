import BuilderProtocol
import ExecutorKit
import Foundation
import Testing
import WebSockets

@testable import Builder

@Suite("the builder's parts")
struct PartsTests {
  @Test("a log is cut into chunks of at most 64 KiB between characters")
  func batches() {
    var batcher = LogBatcher()
    #expect(batcher.add("a") == [])
    #expect(batcher.flush() == ["a"])
    #expect(batcher.flush() == [])
    let long = "x" + String(repeating: "ü", count: 50_000)
    let chunks = batcher.add(long)
    #expect(chunks.map(\.utf8.count) == [65_535, 34_466])
    #expect(chunks.joined() == long)
    #expect(batcher.isEmpty)
  }

  @Test("waits grow to their limit, and begin anew after a success")
  func backoff() {
    struct Highest: RandomNumberGenerator { func next() -> UInt64 { .max } }
    var generator = Highest()
    var backoff = Backoff(first: .seconds(1), longest: .seconds(5))
    let waits = (1...4).map { _ in (backoff.next(using: &generator) / .seconds(1)).rounded() }
    #expect(waits == [1, 2, 4, 5])
    backoff.reset()
    #expect((backoff.next(using: &generator) / .seconds(1)).rounded() == 1)
  }

  @Test("an address has an origin to sign and a place for the WebSocket")
  func addresses() throws {
    let plain = try BackendAddress("http://127.0.0.1:8080")
    #expect(plain.origin == "http://127.0.0.1:8080")
    #expect(plain.webSocketURL == "ws://127.0.0.1:8080/api/v1/builder")
    let behind = try BackendAddress("http://Farm.Example:80/farm/")
    #expect(behind.origin == "http://farm.example")
    #expect(behind.webSocketURL == "ws://farm.example/farm/api/v1/builder")
    #expect(throws: WebSocketError.tlsNotSupported(url: "https://farm.example")) {
      try BackendAddress("https://farm.example")
    }
    #expect(throws: WebSocketError.badURL("farm.example")) { try BackendAddress("farm.example") }
  }

  @Test("children get no more of the environment than they need")
  func environment() {
    let reduced = HostProgram.reduced([
      "PATH": "/bin", "HOME": "/h", "AWS_SECRET_ACCESS_KEY": "s", "BUILDSRS_X": "1",
      "DOCKER_HOST": "unix:///d", "TMPDIR": "/t", "LD_PRELOAD": "evil.so",
    ])
    #expect(
      reduced == [
        "PATH": "/bin", "HOME": "/h", "BUILDSRS_X": "1", "DOCKER_HOST": "unix:///d",
        "TMPDIR": "/t", "SWIFT_BACKTRACE": "enable=no",
      ])
  }

  @Test("a module that cannot tell its name is known by its file's")
  func names() {
    #expect(ProbedModule.guessedName("/m/libDockerCrossExecutor.so") == "docker-cross")
    #expect(ProbedModule.guessedName("/m/libMuslStaticExecutor.so") == "musl-static")
    #expect(ProbedModule.guessedName("/m/libQEMUExecutor.so") == "qemu")
  }

  @Test("a crashed module makes its targets unhealthy, a missing one absent")
  func capabilities() throws {
    let offered = [
      OfferedTarget(triple: "a-b", executor: "fake", configuration: .map([:])),
      OfferedTarget(triple: "c-d", executor: "other", configuration: .map([:])),
    ]
    let crashed = ProbedModule(
      path: "/m/libFakeExecutor.so", targets: [:], facts: [:], problem: "crashed with signal 4"
    ).completed(for: offered)
    let machine = MachineFacts(stateDirectory: "/")
    let capabilities = Capabilities(
      modules: [crashed], offered: offered, machine: machine, labels: [:], slots: 1)
    #expect(capabilities.modules == [])
    guard case .unhealthy("crashed with signal 4", _) = capabilities.targets[0].health else {
      Issue.record("\(capabilities.targets[0].health)")
      return
    }
    #expect(
      capabilities.targets[1].health == .absent(reason: "this builder has no module “other”"))
    #expect(machine.cores >= 1)
    #expect(machine.memoryBytes > 0)
    #expect(machine.diskBytes > 0)
  }

  @Test("the memory is read from /proc/meminfo's first line")
  func memory() {
    #expect(MachineFacts.memory(in: "MemTotal:       24576 kB\nMemFree: 1 kB\n") == 25_165_824)
    #expect(MachineFacts.memory(in: "") == 0)
  }

  @Test("a state directory keeps its key, readable by nobody else, and one builder at a time")
  func stateDirectory() throws {
    let path = FileManager.default.temporaryDirectory
      .appending(path: "builder-\(UUID().uuidString)").path(percentEncoded: false)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let state = try StateDirectory(path: path)
    let owner = try state.identity().owner
    #expect(owner.count == 16)
    #expect(try state.identity().owner == owner)
    let mode = try FileManager.default.attributesOfItem(atPath: path + "/builder.key")[
      .posixPermissions]
    #expect((mode as? NSNumber)?.intValue == 0o600)
    #expect(throws: BuilderSetupError.self) { try StateDirectory(path: path) }
    try Data("no key".utf8).write(to: URL(filePath: path + "/builder.key"))
    #expect(throws: BuilderSetupError.self) { try state.identity() }
  }

  @Test("a crash is told by its message, without the stack")
  func lastWords() {
    let text = """
      Fake/Fake.swift:3: Fatal error: told to crash
      Current stack trace:
      0    libswiftCore.so                    0x00007f0ddb76e271 <unavailable> + 1499761
      1    libFake.so                         0x00007f0ddb76e271 main + 5
      """
    #expect(HostProgram.lastWords(in: text) == "Fake/Fake.swift:3: Fatal error: told to crash")
  }

  @Test("leftover work of earlier attempts is removed")
  func removesWork() throws {
    let path = FileManager.default.temporaryDirectory
      .appending(path: "builder-\(UUID().uuidString)").path(percentEncoded: false)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let state = try StateDirectory(path: path)
    for name in ["1-1", "2-1"] {
      try FileManager.default.createDirectory(
        atPath: path + "/work/" + name, withIntermediateDirectories: true)
    }
    state.removeWork(except: ["2-1"])
    #expect(try FileManager.default.contentsOfDirectory(atPath: path + "/work") == ["2-1"])
  }
}
