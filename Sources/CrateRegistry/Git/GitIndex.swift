public import FarmModel
import Foundation

/// A registry's index in a git repository: a bare clone of it in a folder, read by the program `git`.
///
/// One process at a time may use the folder.
public struct GitIndex: Sendable {
  /// What `git` is told to clone: an `http` or `https` URL, or a path.
  public let remote: String
  /// Whether the remote is a folder of this machine: git then shares its files by hard links.
  let isLocal: Bool
  let git: GitProgram

  /// The commit that was fetched last.
  private static let fetched = "refs/buildsrs/fetched"

  /// - Parameters:
  ///   - url: `git+https://…`, `git+http://…` or `git+file:///…`.
  ///   - folder: the clone; made when it is missing.
  public init(url: String, folder: String) throws(RegistryError) {
    let address = String(url.dropFirst("git+".count))
    guard url.hasPrefix("git+") else { throw .badGitURL(url) }
    if address.hasPrefix("file:///") {
      guard let path = URL(string: address)?.path(percentEncoded: false), !path.contains("\0")
      else { throw .badGitURL(url) }
      remote = path
      isLocal = true
    } else {
      guard
        ["https://", "http://"].contains(where: {
          address.hasPrefix($0) && address.count > $0.count
        })
      else { throw .badGitURL(url) }
      remote = address
      isLocal = false
    }
    git = GitProgram(repository: folder)
  }

  /// Brings the clone up to date; the index's newest commit.
  public func update() async throws(RegistryError) -> String {
    if try await isClone() {
      // An index that squashes its history leaves nothing behind: only two trees are compared. Within one
      // machine no byte need be saved, and looking for deltas takes half of the time.
      let options = isLocal ? ["--upload-pack=git -c pack.window=0 upload-pack"] : ["--depth=1"]
      try await git.run(
        ["fetch", "--quiet", "--no-tags", "--force"] + options
          + ["--", remote, "+HEAD:\(Self.fetched)"])
    } else {
      try await clone()
    }
    return try await commit(of: Self.fetched)
  }

  /// Whether a commit is in the clone, whole.
  public func has(_ commit: String) async -> Bool {
    (try? await git.run(["cat-file", "-e", "\(commit)^{tree}"])) != nil
  }

  /// Keeps a commit from being tidied away, under a name.
  public func keep(_ commit: String, as name: String) async throws(RegistryError) {
    try await git.run(["update-ref", "refs/buildsrs/\(name)", commit])
  }

  /// The `config.json` of a commit.
  public func configuration(at commit: String) async throws(RegistryError) -> RegistryConfiguration
  {
    let place = "config.json of \(remote)"
    guard let bytes = await file("config.json", at: commit) else {
      throw .badConfiguration(url: place, reason: "the index has no such file")
    }
    return try RegistryConfiguration(json: bytes, url: place)
  }

  /// How ``read(_:_:)`` is told to read a crate's file of a commit, which may have none.
  public static func object(of crate: CrateName, at commit: String) -> String {
    "\(commit):\(indexPath(for: crate))"
  }

  private func file(_ path: String, at commit: String) async -> [UInt8]? {
    try? await git.run(["cat-file", "blob", "\(commit):\(path)"], limit: Self.fileLimit)
  }

  /// The largest index file that is taken: the largest of crates.io has a few MiB.
  static let fileLimit = 64 << 20

  private func commit(of reference: String) async throws(RegistryError) -> String {
    let bytes = try await git.run(["rev-parse", "--verify", "--quiet", "\(reference)^{commit}"])
    return String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .newlines)
  }

  /// Whether the folder has a clone of this index; a clone of another is as good as none.
  private func isClone() async throws(RegistryError) -> Bool {
    guard FileManager.default.fileExists(atPath: git.repository + "/HEAD") else { return false }
    let origin = try? await git.run(["config", "--get", "buildsrs.remote"])
    return origin.map { String(decoding: $0, as: UTF8.self) } == remote + "\n"
  }

  /// Clones beside the folder: only a whole clone takes its place.
  private func clone() async throws(RegistryError) {
    let partial = git.repository + ".partial"
    do {
      for path in [git.repository, partial]
      where FileManager.default.fileExists(atPath: path) {
        try FileManager.default.removeItem(atPath: path)
      }
      try FileManager.default.createDirectory(
        atPath: URL(filePath: partial).deletingLastPathComponent().path(percentEncoded: false),
        withIntermediateDirectories: true)
    } catch {
      throw .files(
        action: "replace the clone", path: git.repository, reason: error.localizedDescription)
    }
    let depth = isLocal ? [] : ["--depth=1"]
    try await GitProgram.run(
      ["clone", "--quiet", "--bare", "--no-tags", "--single-branch"] + depth
        + ["--", remote, partial])
    let new = GitProgram(repository: partial)
    guard (try? await new.run(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])) != nil else {
      throw .git(
        command: "clone",
        reason:
          "\(remote) has no commit at its HEAD: it is empty, or HEAD names a branch that is not there"
      )
    }
    try await new.run(["update-ref", Self.fetched, "HEAD"])
    try await new.run(["config", "buildsrs.remote", remote])
    do {
      try FileManager.default.moveItem(atPath: partial, toPath: git.repository)
    } catch {
      throw .files(action: "rename", path: partial, reason: error.localizedDescription)
    }
  }
}
