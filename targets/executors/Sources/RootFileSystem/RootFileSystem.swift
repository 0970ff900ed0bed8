import ExecutorKit
import FileLocks
import Foundation
import Sandbox

/// A root file system in a module's cache.
public struct RootFileSystem: Sendable, Equatable {
  /// The folder that commands see.
  public let root: String
  public let facts: RootFacts

  /// The one that a recipe makes, if it is there.
  public static func find(_ recipe: RootRecipe, in cache: String) -> RootFileSystem? {
    let folder = "\(cache)/\(recipe.folderName)"
    guard let text = try? String(contentsOfFile: folder + "/facts", encoding: .utf8),
      let facts = RootFacts(text: text)
    else { return nil }
    return RootFileSystem(root: folder + "/root", facts: facts)
  }

  /// The one that a recipe makes, from the cache or made now; several attempts at once make it once.
  /// - Parameter log: receives what the script prints.
  public static func ensure(
    _ recipe: RootRecipe, in cache: String, log: @escaping @Sendable (String) -> Void
  ) async throws -> RootFileSystem {
    if let found = find(recipe, in: cache) { return found }
    let lock = try await FileLock(path: "\(cache)/\(recipe.folderName).lock") {
      log("another attempt is making the root file system \(recipe.folderName)\n")
    }
    defer { lock.release() }
    if let found = find(recipe, in: cache) { return found }
    log("making the root file system \(recipe.folderName)\n")
    await removeUnfinished(recipe, in: cache)
    do {
      try await make(recipe, "\(cache)/\(recipe.folderName)", log)
    } catch {
      await removeUnfinished(recipe, in: cache)
      throw error
    }
    guard let made = find(recipe, in: cache) else {
      throw ExecutorFailure(
        .infrastructure, "\(recipe.script) has ended well but made no \(recipe.folderName)/facts")
    }
    return made
  }

  /// Runs the script. Whatever ends this process or the task ends the script and all that it has
  /// started: where it may, it runs in a process namespace that ends with it.
  private static func make(
    _ recipe: RootRecipe, _ folder: String, _ log: @escaping @Sendable (String) -> Void
  ) async throws {
    let space =
      geteuid() == 0
      ? ["unshare", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc", "--"] : []
    let words =
      ["/usr/bin/setpriv", "--pdeathsig", "KILL", "--"] + space
      + ["bash", recipe.script, folder] + recipe.arguments
    let end = try await ChildProcess().run(words, variables: variables) {
      log(String(decoding: $0.bytes, as: UTF8.self))
    }
    try Task.checkCancellation()
    guard end.exitStatus == 0 else {
      throw ExecutorFailure(
        .infrastructure,
        "the root file system \(recipe.folderName) cannot be made:"
          + " \(end.lastWords.trimmingCharacters(in: .whitespacesAndNewlines).suffix(1000))")
    }
  }

  /// Removes what a script that was killed, now or in an earlier process, could not; call it with the
  /// lock held. Goes on where the task was cancelled.
  private static func removeUnfinished(_ recipe: RootRecipe, in cache: String) async {
    let prefix = ".unfinished-\(recipe.folderName)-"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: cache)) ?? []
    let paths = names.filter { $0.hasPrefix(prefix) }.map { "\(cache)/\($0)" }
    guard !paths.isEmpty else { return }
    await Task {
      _ = try? await ChildProcess().run(["/bin/rm", "-rf", "--"] + paths, variables: [:]) { _ in }
    }.value
  }

  /// What the script and apt read of the environment.
  private static var variables: [String: String] {
    ProcessInfo.processInfo.environment.filter { name, _ in
      ["HOME", "TMPDIR", "http_proxy", "https_proxy", "no_proxy"].contains(name)
    }.merging(["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"]) { _, own in own }
  }
}
