import ExecutorKit
import Foundation
import Testing

@testable import RootFileSystem

/// A files directory whose script does what a test says.
private struct FilesFolder: ~Copyable {
  let path = FileManager.default.temporaryDirectory.path + "/files-\(UUID().uuidString)"
  var cache: String { path + "/cache" }

  init(script: String) throws {
    for name in ["cache", "made", "root-file-system"] {
      try FileManager.default.createDirectory(
        atPath: "\(path)/\(name)", withIntermediateDirectories: true)
    }
    try put("made/make_root.sh", script)
    try put("root-file-system/lib.sh", "")
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func put(_ name: String, _ text: String) throws {
    try Data(text.utf8).write(to: URL(filePath: path + "/" + name))
  }

  func recipe(
    arguments: [String] = [], packages: [String] = []
  ) throws(ExecutorFailure) -> RootRecipe {
    try RootRecipe(
      name: "made", folder: "made", filesDirectory: path, arguments: arguments, packages: packages)
  }
}

private let facts = """
  digest=sha256:12
  rustc=rustc 1.85.0 (4d91de4e4 2025-02-17)
  cargo=cargo 1.85.0
  linker a-gcc=a-gcc (Debian) 12 = x

  """

@Suite("A root file system")
struct RootFileSystemTests {
  @Test("is named by its scripts, arguments and packages")
  func names() throws {
    let files = try FilesFolder(script: "true")
    let plain = try files.recipe().folderName
    #expect(plain.hasPrefix("made-") && plain.utf8.count == 37)
    #expect(try files.recipe().folderName == plain)
    #expect(
      try files.recipe(packages: ["b1", "a1"]).folderName
        == files.recipe(packages: ["a1", "b1", "a1"]).folderName)
    var others: Set = [plain]
    others.insert(try files.recipe(arguments: ["armhf"]).folderName)
    others.insert(try files.recipe(packages: ["cmake"]).folderName)
    try files.put("root-file-system/lib.sh", "true")
    others.insert(try files.recipe().folderName)
    try files.put("made/more.sh", "true")
    others.insert(try files.recipe().folderName)
    #expect(others.count == 5)
  }

  @Test("takes only names of packages, and needs its scripts")
  func mistakes() throws {
    let files = try FilesFolder(script: "true")
    for name in ["", "a", "A1", "a;b", "-x", "a b", "gcc-"] {
      #expect(throws: ExecutorFailure.self) { try files.recipe(packages: [name]) }
    }
    let missing = #expect(throws: ExecutorFailure.self) {
      try RootRecipe(name: "x", folder: "x", filesDirectory: files.path)
    }
    #expect(missing?.message.contains("files directory") == true)
  }

  @Test("tells its toolchain, and whether the compiler of a plan is in it")
  func identity() throws {
    let read = try #require(RootFacts(text: facts))
    let identity = try read.identity(compiler: "a-gcc", name: "n", sharesHostPart: true)
    #expect(identity.digest == "sha256:12" && identity.hostDigest == "sha256:12")
    #expect(identity.linker == "a-gcc (Debian) 12 = x" && identity.rustVersion == "1.85.0")
    #expect(
      try read.identity(compiler: "a-gcc", name: "n", sharesHostPart: false).hostDigest == nil)
    let failure = #expect(throws: ExecutorFailure.self) {
      try read.identity(compiler: "b-zig-cc", name: "n", sharesHostPart: true)
    }
    #expect(failure?.message.contains("has no b-zig-cc, but a-gcc") == true)
    #expect(RootFacts(text: "rustc=rustc 1\ncargo=cargo 1\n") == nil)
  }

  @Test("is made once by several attempts at once, and found by later ones")
  func once() async throws {
    let files = try FilesFolder(
      script: """
        echo "made for $2"
        mkdir "$1" || exit 1
        sleep 0.3
        printf '\(facts.replacing("\n", with: "\\n"))' >"$1/facts"
        echo run >>"${1%/*}/count"
        """)
    let (recipe, cache) = (try files.recipe(arguments: ["arm"]), files.cache)
    #expect(RootFileSystem.find(recipe, in: cache) == nil)
    let log = Collected()
    let roots = try await withThrowingTaskGroup { group in
      for _ in 0..<3 {
        group.addTask {
          try await RootFileSystem.ensure(recipe, in: cache) {
            log.add(CommandOutput(.standardOutput, Array($0.utf8)))
          }.root
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(Set(roots) == ["\(cache)/\(recipe.folderName)/root"])
    #expect(try String(contentsOfFile: cache + "/count", encoding: .utf8) == "run\n")
    #expect(log.text.contains("made for arm\n"))
    #expect(log.text.contains("another attempt is making"))
    #expect(RootFileSystem.find(recipe, in: cache)?.facts.rustVersion == "1.85.0")
  }

  @Test("that cannot be made is the machine's fault, with the script's last words")
  func failure() async throws {
    let files = try FilesFolder(script: "echo 'no such archive' >&2; exit 1")
    let (recipe, cache) = (try files.recipe(), files.cache)
    let failure = await #expect(throws: ExecutorFailure.self) {
      _ = try await RootFileSystem.ensure(recipe, in: cache) { _ in }
    }
    #expect(failure?.failureClass == .infrastructure)
    #expect(failure?.message.hasSuffix("cannot be made: no such archive") == true)
  }

  @Test("ends what makes it when the attempt is cancelled")
  func cancellation() async throws {
    let files = try FilesFolder(
      script: """
        mkdir "${1%/*}/.unfinished-${1##*/}-$$"
        sh -c 'echo ready; sleep 950.25' & wait
        """)
    let (recipe, cache) = (try files.recipe(), files.cache)
    let log = Collected()
    let task = Task {
      try await RootFileSystem.ensure(recipe, in: cache) {
        log.add(CommandOutput(.standardOutput, Array($0.utf8)))
      }
    }
    await log.contains("ready")
    task.cancel()
    await #expect(throws: CancellationError.self) { _ = try await task.value }
    #expect(SandboxRun.processes(marked: "950.25") == [])
    let left = try FileManager.default.contentsOfDirectory(atPath: cache)
    #expect(left == ["\(recipe.folderName).lock"])
  }
}
