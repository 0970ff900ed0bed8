import Foundation
import Subprocess

/// A bare git repository of a test's own, filled by `git fast-import`.
public final class GitRepository: Sendable {
  public let folder: String

  public init() async throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "git-\(UUID())")
      .path(percentEncoded: false)
    try await Self.git(["init", "--quiet", "--bare", "--initial-branch=main", folder])
  }

  /// Makes a repository that the caller removes, with one commit.
  public static func make(at folder: String, files: [String: String?]) async throws {
    let repository = try await GitRepository()
    try await repository.commit(files)
    try await git(["clone", "--quiet", "--bare", repository.folder, folder])
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  /// Makes a commit on the branch that is checked out by default; nil removes a file.
  ///
  /// - Parameter isRoot: as a registry does that squashes its history: without the commits before.
  public func commit(_ files: [String: String?], isRoot: Bool = false) async throws {
    let branch = "refs/heads/main"
    var stream = "commit \(branch)\ncommitter Test <test@example.org> 0 +0000\ndata 1\nx\n"
    if let head = try? await head() {
      if isRoot {
        stream = "reset \(branch)\n\n" + stream
      } else {
        stream += "from \(head)\n"
      }
    }
    for (path, text) in files.sorted(by: { $0.key < $1.key }) {
      stream +=
        text.map { "M 100644 inline \(path)\ndata \($0.utf8.count)\n\($0)\n" }
        ?? "D \(path)\n"
    }
    try await run(["fast-import", "--quiet", "--force"], input: stream)
  }

  /// The newest commit.
  public func head() async throws -> String {
    try await run(["rev-parse", "--verify", "--quiet", "refs/heads/main"])
      .trimmingCharacters(in: .newlines)
  }

  @discardableResult
  public func run(_ arguments: [String], input: String = "") async throws -> String {
    try await Self.git(["--git-dir=\(folder)"] + arguments, input: input)
  }

  @discardableResult
  private static func git(_ arguments: [String], input: String = "") async throws -> String {
    let result = try await Subprocess.run(
      .name("git"), arguments: Arguments(arguments), input: .string(input),
      output: .string(limit: 1 << 20), error: .string(limit: 1 << 16))
    guard result.terminationStatus.isSuccess else {
      throw GitFailure(arguments: arguments, text: result.standardError)
    }
    return result.standardOutput
  }
}

/// What git said.
public struct GitFailure: Error {
  public let arguments: [String]
  public let text: String
}
