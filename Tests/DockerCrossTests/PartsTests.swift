import ExecutorKit
import Foundation
import Testing

@testable import DockerCross

@Suite struct OutputFramesTests {
  /// A frame as the engine sends it.
  private func frame(_ stream: UInt8, _ text: String) -> [UInt8] {
    [stream, 0, 0, 0, 0, 0, UInt8(text.utf8.count >> 8), UInt8(text.utf8.count & 255)]
      + Array(text.utf8)
  }

  @Test("frames are told apart wherever the stream is cut")
  func cuts() {
    let long = String(repeating: "x", count: 300)
    let bytes = frame(1, "out") + frame(2, "") + frame(2, "err") + frame(1, long)
    for size in [1, 2, 7, 8, 9, 100, bytes.count] {
      var frames = OutputFrames()
      var (out, err) = ("", "")
      for start in stride(from: 0, to: bytes.count, by: size) {
        for piece in frames.add(Array(bytes[start..<min(start + size, bytes.count)])) {
          let text = String(decoding: piece.bytes, as: UTF8.self)
          if piece.stream == .standardOutput { out += text } else { err += text }
        }
      }
      #expect(out == "out" + long)
      #expect(err == "err")
    }
  }
}

@Suite struct TarContextTests {
  @Test("the tar program reads the context")
  func readable() throws {
    let text = "FROM x\n" + String(repeating: "# comment\n", count: 100)
    let path = FileManager.default.temporaryDirectory.path + "/context-\(UUID().uuidString).tar"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let files = ["Containerfile": Array(text.utf8), "another": Array("x".utf8), "empty": []]
    try Data(TarContext.bytes(files)).write(to: URL(filePath: path))
    #expect(try output(of: "-tf", path) == "Containerfile\nanother\nempty\n")
    #expect(try output(of: "-xOf", path, "Containerfile") == text)
    #expect(try output(of: "-xOf", path, "another") == "x")
  }

  private func output(of arguments: String...) throws -> String {
    let tar = Process()
    tar.executableURL = URL(filePath: "/usr/bin/tar")
    tar.arguments = arguments
    let output = Pipe()
    tar.standardOutput = output
    try tar.run()
    let read = try output.fileHandleForReading.readToEnd() ?? Data()
    tar.waitUntilExit()
    #expect(tar.terminationStatus == 0)
    return String(decoding: read, as: UTF8.self)
  }
}

@Suite struct ConfigurationTests {
  @Test("defaults fill what a target leaves out")
  func defaults() throws {
    let configuration = try Configuration(.map(["arguments": .map(["gcc": .text("gcc")])]))
    #expect(configuration.containerfile == "docker-cross/Containerfile")
    #expect(configuration.image == "debian:bookworm-slim")
    #expect(configuration.arguments == ["gcc": "gcc"])
  }

  @Test(
    "a wrong value is named",
    arguments: [
      (["image": ConfigurationValue.number(1)], "image must be a text"),
      (["arguments": .text("x")], "arguments must be a map of texts"),
      (["arguments": .map(["gcc": .boolean(true)])], "arguments.gcc must be a text"),
      (
        ["containerfile": .text("../../etc/passwd")],
        "containerfile must be a path inside of targets/executors"
      ),
      (
        ["containerfile": .text("/etc/passwd")],
        "containerfile must be a path inside of targets/executors"
      ),
    ])
  func mistakes(map: [String: ConfigurationValue], expected: String) {
    let failure = #expect(throws: ExecutorFailure.self) { try Configuration(.map(map)) }
    #expect(failure?.message == "docker-cross: " + expected)
  }

  @Test("the engine's address is a Unix socket or an error")
  func addresses() throws {
    #expect(try EngineAddress.socket(dockerHost: nil) == "/var/run/docker.sock")
    #expect(try EngineAddress.socket(dockerHost: "") == "/var/run/docker.sock")
    #expect(try EngineAddress.socket(dockerHost: "unix:///run/x.sock") == "/run/x.sock")
    for address in ["tcp://127.0.0.1:2375", "unix://", "/run/docker.sock"] {
      #expect(throws: EngineError.badAddress(address)) {
        try EngineAddress.socket(dockerHost: address)
      }
    }
  }
}

@Suite struct ImageRecipeTests {
  private func recipe(
    _ text: String = "FROM x\n", arguments: [String: String] = ["gcc": "gcc"],
    packages: [String] = [], baseID: String = "sha256:1", beside: String? = nil,
    target: String = "aarch64-unknown-linux-gnu"
  ) throws -> ImageRecipe {
    let folder = FileManager.default.temporaryDirectory.path + "/files-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try Data(text.utf8).write(to: URL(filePath: folder + "/File"))
    if let beside { try Data(beside.utf8).write(to: URL(filePath: folder + "/script")) }
    var configuration = try Configuration(.map(["containerfile": .text("File")]))
    configuration.arguments = arguments
    var inputs = inputs(target: target)
    inputs.packages["debian"] = packages
    return try ImageRecipe(configuration, filesDirectory: folder, inputs: inputs, baseID: baseID)
  }

  @Test("whatever an image is made of changes its name")
  func names() throws {
    let tags = try [
      recipe(), recipe("FROM y\n"), recipe(arguments: ["gcc": "other"]),
      recipe(arguments: ["gc": "cgcc"]), recipe(packages: ["libpcre2-dev"]),
      recipe(baseID: "sha256:2"), recipe(beside: "one"), recipe(beside: "two"),
      recipe(target: "s390x-unknown-linux-gnu"),
    ].map(\.tag)
    #expect(Set(tags).count == tags.count)
    #expect(try recipe().tag == recipe().tag)
    #expect(tags[0].wholeMatch(of: /buildsrs\/docker-cross:[0-9a-f]{32}/) != nil)
  }

  @Test("a package's name that a shell would read otherwise is refused")
  func packageNames() {
    for name in ["a b", "x;reboot", "$(id)", "-y", "A", "", "a", "gcc-"] {
      #expect(throws: ExecutorFailure.self, "\(name)") { try recipe(packages: [name]) }
    }
    #expect(throws: Never.self) { try recipe(packages: ["libstdc++-12-dev", "g++", "python3.11"]) }
  }

  @Test("a container file that is absent is an error with its path")
  func absent() throws {
    let failure = #expect(throws: ExecutorFailure.self) {
      try ImageRecipe(
        try Configuration(.map([:])), filesDirectory: "/nowhere", inputs: inputs(), baseID: "")
    }
    #expect(failure?.message.contains("/nowhere/docker-cross/Containerfile") == true)
  }
}

@Suite struct ContainerTests {
  @Test("exit statuses tell signals and lack of memory")
  func endings() {
    #expect(Container.ending(status: 0, outOfMemory: false) == .exited(status: 0))
    // A child was killed, but the command coped with it.
    #expect(Container.ending(status: 0, outOfMemory: true) == .exited(status: 0))
    #expect(Container.ending(status: 101, outOfMemory: true) == .outOfMemory)
    #expect(Container.ending(status: 127, outOfMemory: false) == .exited(status: 127))
    #expect(Container.ending(status: 139, outOfMemory: false) == .signalled(number: 11))
    #expect(Container.ending(status: 255, outOfMemory: false) == .exited(status: 255))
  }

  @Test("a container has no network, no capability, no new privileges and a read-only root")
  func confinement() throws {
    let spec = ContainerSpec(
      image: "i", labels: ["rs.builds.job": "1"],
      mounts: [Mount(source: "/h", destination: "/build/crate", isWritable: false)],
      limits: Limits(memory: 1000, processes: 7, cores: 2))
    let command = EnvironmentCommand(["a", "b"], variables: ["K": "v"], timeLimitSeconds: 1)
    let body = try JSONSerialization.jsonObject(with: engineJSON(spec.body(for: command)))
    let fields = try #require(body as? [String: Any])
    let host = try #require(fields["HostConfig"] as? [String: Any])
    #expect(fields["Cmd"] as? [String] == ["a", "b"])
    #expect(fields["Env"] as? [String] == ["K=v"])
    #expect(fields["User"] as? String == "65534:65534")
    #expect(fields["Labels"] as? [String: String] == ["rs.builds.job": "1"])
    #expect(host["NetworkMode"] as? String == "none")
    #expect(host["CapDrop"] as? [String] == ["ALL"])
    #expect(host["SecurityOpt"] as? [String] == ["no-new-privileges"])
    #expect(host["ReadonlyRootfs"] as? Bool == true)
    #expect(host["Memory"] as? Int == 1000)
    #expect(host["MemorySwap"] as? Int == 1000)
    #expect(host["PidsLimit"] as? Int == 7)
    #expect(host["NanoCpus"] as? Int == 2_000_000_000)
    let mount = try #require((host["Mounts"] as? [[String: Any]])?.first)
    #expect(mount["ReadOnly"] as? Bool == true)
    #expect(mount["Source"] as? String == "/h")
  }

  @Test("a builder that is root gives its commands another user")
  func users() {
    #expect(ContainerUser.of(effectiveUser: 0, group: 0) == ("65534:65534", true))
    #expect(ContainerUser.of(effectiveUser: 1000, group: 100) == ("1000:100", false))
  }

  @Test("labels carry the attempt, and only whole ones are read")
  func labels() {
    let identity = AttemptIdentity(owner: "o", job: 5, attempt: 2)
    #expect(OwnerLabels.identity(of: OwnerLabels.of(identity)) == identity)
    #expect(OwnerLabels.identity(of: ["rs.builds.owner": "o"]) == nil)
  }

  @Test("one file may be as large as all together, no core is dumped, open files are bounded")
  func fileLimits() throws {
    let spec = ContainerSpec(image: "i", labels: [:], limits: Limits(disk: 5000))
    let body = try JSONSerialization.jsonObject(
      with: engineJSON(spec.body(for: EnvironmentCommand(["a"], timeLimitSeconds: 1))))
    let host = try #require((body as? [String: Any])?["HostConfig"] as? [String: Any])
    let limits = try #require(host["Ulimits"] as? [[String: Any]])
    #expect(limits.map { $0["Name"] as? String } == ["fsize", "core", "nofile"])
    #expect(limits.map { $0["Soft"] as? Int } == [5000, 0, 4096])
    #expect(limits.map { $0["Hard"] as? Int } == [5000, 0, 4096])
  }

  @Test("version lines become labels and come back")
  func toolchains() throws {
    let lines = "rustc 1.96.0 (x)\ncargo 1.96.0 (y)\ngcc (Debian) 12\nzig 0.17.1\n"
    var toolchain = try #require(Toolchain(lines: lines))
    toolchain.hostDigest = "sha256:1"
    #expect(Toolchain(labels: toolchain.labels) == toolchain)
    #expect(try toolchain.line(ofLinker: "zig") == "zig 0.17.1")
    #expect(try toolchain.line(ofLinker: "gcc") == "gcc (Debian) 12")
    #expect(Toolchain(lines: "sh: rustc: not found\n") == nil)
    let plain = Toolchain(lines: "rustc 1\ncargo 1\ngcc 1\n\nlibc6\t2.36-9\n")
    #expect(plain?.zig == nil)
    #expect(plain?.replaced == ["libc6\t2.36-9"])
  }
}

@Suite struct HostPartTests {
  private func recipe(packages: [String] = [], debian: String = "arm64") throws -> ImageRecipe {
    var inputs = inputs()
    inputs.packages["debian"] = packages
    let configuration = try Configuration(.map(["arguments": .map(["debian": .text(debian)])]))
    return try ImageRecipe(
      configuration, filesDirectory: repositoryFiles, inputs: inputs, baseID: "sha256:1")
  }

  private func digest(
    _ layers: [String], image: [String], replaced: [String] = [], _ recipe: ImageRecipe
  ) -> String? {
    HostPart(layers: layers).digest(imageLayers: image, replaced: replaced, recipe: recipe)
  }

  @Test("images for different targets that stand on one stage share their host's part")
  func shared() throws {
    let host = ["a", "b"]
    let first = try digest(host, image: host + ["arm"], recipe())
    #expect(first?.wholeMatch(of: /sha256:[0-9a-f]{64}/) != nil)
    #expect(try digest(host, image: host + ["s390"], recipe(debian: "s390x")) == first)
  }

  @Test("whatever builds build scripts otherwise makes another host's part")
  func different() throws {
    let host = ["a", "b"]
    let digests = try [
      digest(host, image: host, recipe()),
      digest(["a", "c"], image: ["a", "c"], recipe()),
      digest(["a"], image: host, recipe()),
      digest(host, image: host, replaced: ["libc6\t2.36-9"], recipe()),
      digest(host, image: host, recipe(packages: ["zlib1g-dev"])),
      digest(host, image: host, recipe(packages: ["zlib1g-dev"], debian: "s390x")),
    ]
    #expect(!digests.contains(nil))
    #expect(Set(digests).count == digests.count)
  }

  @Test("an image that does not stand on the stage shares nothing")
  func unknown() throws {
    #expect(try digest(["a", "b"], image: ["a", "c"], recipe()) == nil)
    #expect(try digest([], image: ["a"], recipe()) == nil)
  }

  @Test("the farm's own container file has the stage")
  func stage() throws {
    #expect(try recipe().context.hasStage(HostPart.stage))
    #expect(!ContextFiles(text: "FROM host\nRUN x AS host\n").hasStage(HostPart.stage))
  }
}

/// `targets/executors` of this checkout.
let repositoryFiles =
  URL(filePath: #filePath).deletingLastPathComponent()
  .deletingLastPathComponent().deletingLastPathComponent().path + "/targets/executors"

/// A plan's inputs as most tests want them.
func inputs(target: String = "aarch64-unknown-linux-gnu") -> BuildInputs {
  BuildInputs(
    crate: "demo", version: "1.0.0", checksum: "", target: target, executor: "docker-cross",
    configuration: .map([:]))
}
