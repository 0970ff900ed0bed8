import ExecutorKit
import Foundation
import Testing

@testable import DockerCross

/// The module against a scripted engine on a Unix socket.
@Suite(.timeLimit(.minutes(1))) struct EngineTests {
  private func withEngine<Result>(
    _ handler: @escaping LocalServer.Handler, test: (Engine) async throws -> Result
  ) async throws -> Result {
    let path = FileManager.default.temporaryDirectory.path + "/e-\(UUID().uuidString.prefix(8))"
    let server = try LocalServer(unixSocket: path, handler: handler)
    defer {
      server.stop()
      try? FileManager.default.removeItem(atPath: path)
    }
    return try await test(Engine(socket: path))
  }

  @Test("an engine that is away is named with its socket and a remedy")
  func away() async {
    let error = await #expect(throws: EngineError.self) {
      try await Engine(socket: "/nowhere/docker.sock").send("GET", "/version")
    }
    #expect(
      error?.failure.message
        == "the Docker Engine does not answer at /nowhere/docker.sock: nobody accepts connections"
        + " there; start dockerd, let the builder's user into the group docker, or set DOCKER_HOST to"
        + " the engine's socket")
    #expect(error?.failure.failureClass == .infrastructure)
  }

  @Test("the engine's own message is passed on")
  func refusal() async throws {
    try await withEngine { _, connection in
      connection.answer(409, #"{"message":"name is taken"}"#)
    } test: { engine in
      let error = await #expect(throws: EngineError.self) {
        try await engine.send("POST", "/containers/create")
      }
      #expect(
        error
          == .refused(status: 409, request: "POST /containers/create", message: "name is taken"))
    }
  }

  @Test("an answer that is no JSON is an error and no crash")
  func garbage() async throws {
    _ = try await withEngine { _, connection in
      connection.answer(200, "<html>")
    } test: { engine in
      await #expect(throws: EngineError.self) {
        try await engine.json(EngineVersion.self, "GET", "/version")
      }
    }
  }

  @Test("an image that the engine has is taken with the toolchain in its labels")
  func knownImage() async throws {
    let facts = #"""
      {"Id":"sha256:5","Config":{"Labels":{"rs.builds.toolchain.rustc":"rustc 1.96.0 (x)",
      "rs.builds.toolchain.cargo":"cargo 1.96.0","rs.builds.toolchain.gcc":"gcc 12",
      "rs.builds.toolchain.host":"sha256:6"}}}
      """#
    try await withEngine { request, connection in
      #expect(request.method == "GET")
      #expect(request.target.hasPrefix("/v1.41/images/buildsrs/docker-cross:"))
      connection.answer(200, facts)
    } test: { engine in
      let recipe = try ImageRecipe(
        try Configuration(.map([:])), filesDirectory: repositoryFiles, inputs: inputs(),
        baseID: "sha256:1")
      let builder = ImageBuilder(engine: engine, recipe: recipe) { _ in }
      let image = try await builder.ensure(lockFolder: "/nowhere")
      let identity = try image.identity(linker: "gcc")
      #expect(identity.digest == "sha256:5")
      #expect(identity.hostDigest == "sha256:6")
      #expect(identity.rustVersion == "1.96.0")
      #expect(identity.linker == "gcc 12")
      let failure = #expect(throws: ExecutorFailure.self) { try image.identity(linker: "zig") }
      #expect(failure?.message.contains("no linker “zig”") == true)
    }
  }

  @Test("a sweep removes the owner's dead containers and no others")
  func sweep() async throws {
    let removed = Recorder()
    try await withEngine { request, connection in
      guard request.method == "GET" else {
        removed.add(request.target)
        return connection.answer(204)
      }
      #expect(request.target.contains("%22rs.builds.owner%3Dme%22"))
      func container(_ id: String, _ attempt: Int) -> String {
        #"{"Id":"\#(id)","Labels":{"rs.builds.owner":"me","rs.builds.job":"4","#
          + #""rs.builds.attempt":"\#(attempt)"}}"#
      }
      connection.answer(200, "[\(container("dead", 1)),\(container("alive", 2)),{\"Id\":\"x\"}]")
    } test: { engine in
      let lines = try await Sweeper(engine: engine).remove(labels: ["rs.builds.owner": "me"]) {
        $0.attempt != 2
      }
      #expect(lines == ["container dead of job 4, attempt 1"])
      #expect(removed.all == ["/v1.41/containers/dead?force=1&v=1"])
    }
  }

  @Test("a failed image build ends with the engine's words")
  func progress() throws {
    var reader = ProgressReader()
    #expect(try reader.add(Array(#"{"stream":"Step 1"}"#.utf8)) == "")
    #expect(try reader.add(Array("\n{\"aux\":{\"ID\":\"sha256:9\"}}\n".utf8)) == "Step 1")
    #expect(reader.imageID == "sha256:9")
    let failure = #expect(throws: ExecutorFailure.self) {
      try reader.add(Array("{\"error\":\"apt-get returned 100\"}\n".utf8))
    }
    #expect(failure?.message == "the image cannot be made: apt-get returned 100")
  }
}

/// Remembers texts; `@unchecked Sendable`: `texts` is touched only with `lock` held.
private final class Recorder: @unchecked Sendable {
  private let lock = NSLock()
  private var texts: [String] = []
  func add(_ text: String) { lock.withLock { texts.append(text) } }
  var all: [String] { lock.withLock { texts } }
}
