import ExecutorKit
import Transfer

/// The image that a container file begins with.
struct BaseImage: Sendable {
  let engine: Engine
  let name: String

  /// What to do where it can be had from nowhere.
  var remedy: String {
    "pull \(name), or make it from Debian's packages under that name: ./bootstrap images"
  }

  /// Its id, or nil where the engine does not have it.
  func id() async throws(EngineError) -> String? {
    do { return try await engine.json(ImageFacts.self, "GET", "/images/\(name)/json").id } catch {
      if case .refused(404, _, _) = error { return nil }
      throw error
    }
  }

  /// Its id, pulled first where the engine does not have it.
  func ensure(log: @Sendable (String) -> Void) async throws -> String {
    if let id = try await id() { return id }
    log("pulling \(name)\n")
    let failure: String
    do {
      let stream = try await engine.stream("POST", "/images/create", [("fromImage", name)])
      var reader = ProgressReader()
      for try await bytes in stream { _ = try reader.add(bytes) }
      if let id = try await id() { return id }
      failure = "the engine has pulled something else"
    } catch {
      try Task.checkCancellation()
      failure = "\(error)"
    }
    throw ExecutorFailure(
      .infrastructure,
      "the base image \(name) is not there and cannot be pulled (\(failure));"
        + " \(remedy)")
  }

  /// Whether a registry would give it; asked only where the engine does not have it.
  func canBePulled() async -> Bool {
    (try? await engine.send("GET", "/distribution/\(name)/json", timeout: .seconds(5))) != nil
  }
}
