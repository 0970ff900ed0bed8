import ExecutorKit
import Foundation
import Transfer

/// Makes the image of an environment when the engine does not have it yet.
///
/// An image is made in three steps: the container file's stage `host`, the whole container file on top of
/// it, then labels with the toolchain's version lines, so that later builds and probes read them without
/// starting anything.
struct ImageBuilder: Sendable {
  let engine: Engine
  let recipe: ImageRecipe
  let log: @Sendable (String) -> Void

  /// The image, from the engine or made now; several attempts at once make it once.
  /// - Parameter lockFolder: shared by all attempts on this machine.
  func ensure(lockFolder: String) async throws -> ToolchainImage {
    if let image = try await find() { return image }
    let lock = try await FileLock(path: "\(lockFolder)/\(recipe.digest).lock") {
      log("another attempt is making the image \(recipe.tag)\n")
    }
    defer { lock.release() }
    if let image = try await find() { return image }
    log("making the image \(recipe.tag) from \(recipe.base)\n")
    let arguments = [("buildargs", recipe.encodedArguments)]
    var host: HostPart?
    if recipe.context.hasStage(HostPart.stage) {
      let stage = try await build(recipe.context, arguments + [("target", HostPart.stage)])
      host = HostPart(layers: try await facts(of: stage).layers)
    }
    let plain = try await build(recipe.context, arguments)
    var toolchain = try await readToolchain(of: plain)
    toolchain.hostDigest = host?.digest(
      imageLayers: try await facts(of: plain).layers, replaced: toolchain.replaced, recipe: recipe)
    // FROM takes an image's id; the last step adds nothing but labels.
    _ = try await build(
      ContextFiles(text: "FROM \(plain)\n"),
      [("labels", ImageRecipe.json(toolchain.labels)), ("t", recipe.tag)])
    guard let image = try await find() else {
      throw ExecutorFailure(.infrastructure, "the image \(recipe.tag) is gone after it was made")
    }
    return image
  }

  /// The image, if the engine has it and it is ours.
  func find() async throws(EngineError) -> ToolchainImage? {
    do {
      return ToolchainImage(try await facts(of: recipe.tag), name: recipe.tag)
    } catch {
      if case .refused(404, _, _) = error { return nil }
      throw error
    }
  }

  private func facts(of image: String) async throws(EngineError) -> ImageFacts {
    try await engine.json(ImageFacts.self, "GET", "/images/\(image)/json")
  }

  /// Builds a container file and returns the image's id.
  private func build(_ context: ContextFiles, _ query: [(String, String)]) async throws -> String {
    let fixed = [("dockerfile", context.containerfile), ("rm", "1"), ("forcerm", "1")]
    let stream = try await engine.stream(
      "POST", "/build", fixed + query, .tar(TarContext.bytes(context.files)))
    var reader = ProgressReader()
    do {
      for try await bytes in stream { log(try reader.add(bytes)) }
    } catch let failure as ExecutorFailure {
      throw failure
    } catch {
      try Task.checkCancellation()
      throw ExecutorFailure(.infrastructure, "the image's build broke off: \(error)")
    }
    guard let id = reader.imageID else {
      throw ExecutorFailure(.infrastructure, "the engine did not name the image that it built")
    }
    return id
  }

  /// Asks the tools in the image who they are.
  private func readToolchain(of image: String) async throws -> Toolchain {
    let spec = ContainerSpec(image: image, labels: ["rs.builds.purpose": "toolchain"])
    let lines = OutputText()
    let command = EnvironmentCommand(
      ["sh", "-c", Toolchain.script, recipe.gnuTriple], timeLimitSeconds: 60)
    let result = try await Container.run(command, spec, on: engine) { lines.add($0) }
    guard result.succeeded, let toolchain = Toolchain(lines: lines.text) else {
      throw ExecutorFailure(
        .infrastructure,
        "the image lacks a tool: asking rustc, cargo and \(recipe.gnuTriple)-gcc for their versions"
          + " ended with “\(lines.text)”")
    }
    return toolchain
  }
}

/// Reads the engine's progress lines while an image is built or pulled.
struct ProgressReader {
  private var rest: [UInt8] = []
  private(set) var imageID: String?

  /// The text for people that is in these bytes.
  /// - Throws: ``ExecutorFailure`` where the engine tells that the build failed.
  mutating func add(_ bytes: [UInt8]) throws(ExecutorFailure) -> String {
    rest += bytes
    var text = ""
    while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
      let line = Data(rest[..<end])
      rest.removeSubrange(...end)
      guard let progress = try? JSONDecoder().decode(ProgressLine.self, from: line) else {
        continue
      }
      if let error = progress.error {
        throw ExecutorFailure(.infrastructure, "the image cannot be made: \(error)")
      }
      if let id = progress.aux?.id { imageID = id }
      text += progress.stream ?? progress.status.map { $0 + "\n" } ?? ""
    }
    return text
  }
}
