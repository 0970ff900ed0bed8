import Foundation
import Recipes
import Testing

@Suite("Loading directories")
struct LoadingTests {
  /// A folder with `targets` and `recipes`, removed after `body`.
  private func withFolder(_ files: [String: String], _ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    for (path, text) in files {
      let file = folder.appending(path: path)
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: file)
    }
    try body(folder.path(percentEncoded: false))
  }

  private func problems(_ folder: String) -> [String] {
    do throws(RecipeErrors) {
      return try RecipeSet.load(
        targetsDirectory: folder + "/targets/", recipesDirectory: folder + "/recipes"
      ).warnings.map(\.summary)
    } catch {
      return error.diagnostics.map { $0.summary.replacing(folder + "/", with: "") }
    }
  }

  @Test("only *.yaml is read, and not of folders inside")
  func names() throws {
    let files = [
      "targets/t-x.yaml": "triple: t-x\nexecutor: m\n", "targets/executors/bad.yaml": "[",
      "targets/.hidden.yaml": "[", "targets/README.md": "[", "recipes/_default.yaml": "",
    ]
    try withFolder(files) { #expect(problems($0) == []) }
  }

  @Test("a file named .yml is not forgotten in silence")
  func yml() throws {
    let files = [
      "targets/t-x.yaml": "triple: t-x\nexecutor: m\n", "recipes/c.yml": "crate: c\n",
    ]
    try withFolder(files) { folder in
      #expect(
        problems(folder) == [
          "\(folder)/recipes/c.yml: warning: the file is not read: expected a name that ends in .yaml"
        ])
    }
  }

  @Test("missing directories and unreadable files are told")
  func unreadable() throws {
    try withFolder(["targets/t-x.yaml/x": "", "other": ""]) { folder in
      let found = problems(folder)
      #expect(found.count == 2)
      #expect(found[0].hasPrefix("targets/t-x.yaml: the file cannot be read: "))
      #expect(found[1].hasPrefix("recipes: the directory of recipes cannot be read: "))
    }
  }

  @Test("a pipe, a device and what a link brings in from outside are refused, and nothing waits")
  func strangeFiles() throws {
    let files = [
      "targets/t-x.yaml": "triple: t-x\nexecutor: m\n", "recipes/x": "", "secret": "a: [\n",
    ]
    try withFolder(files) { folder in
      let recipes = folder + "/recipes"
      #expect(mkfifo(recipes + "/pipe.yaml", 0o600) == 0)
      #expect(symlink("/proc/self/environ", recipes + "/a.yaml") == 0)
      #expect(symlink("../secret", recipes + "/b.yaml") == 0)
      #expect(symlink("/dev/zero", recipes + "/c.yaml") == 0)
      #expect(symlink("nothing", recipes + "/d.yaml") == 0)
      #expect(symlink("e.yaml", recipes + "/e.yaml") == 0)
      let outside =
        "the file cannot be read: a link leads out of the directory: "
        + "expected a file in the directory, or a link to one"
      #expect(
        problems(folder) == [
          "recipes/a.yaml: \(outside)", "recipes/b.yaml: \(outside)",
          "recipes/c.yaml: the file cannot be read: it is a device: expected a regular file",
          "recipes/d.yaml: the file cannot be read: No such file or directory",
          "recipes/e.yaml: the file cannot be read: Too many levels of symbolic links",
          "recipes/pipe.yaml: the file cannot be read: it is a pipe: expected a regular file",
        ])
    }
  }

  @Test("links within a directory are followed, also where the directory itself is one")
  func links() throws {
    let files = [
      "real/targets/now/t-x.yaml": "triple: t-x\nexecutor: m\n",
      "real/recipes/c.yaml": "crate: c\n",
    ]
    try withFolder(files) { folder in
      #expect(symlink("real/targets", folder + "/targets") == 0)
      #expect(symlink("real/recipes", folder + "/recipes") == 0)
      #expect(symlink("now/t-x.yaml", folder + "/targets/t-x.yaml") == 0)
      #expect(problems(folder) == [])
    }
  }

  @Test("messages name the paths of the directories as they were given")
  func paths() throws {
    try withFolder(["targets/t-x.yaml": "triple: t-x\nexecuter: m\n", "recipes/x": ""]) {
      #expect(
        problems($0) == [
          "targets/t-x.yaml:1:1: missing key “executor”: expected the name of an executor module such as docker-cross",
          "targets/t-x.yaml:2:1: unknown key “executer”: did you mean “executor”?",
        ])
    }
  }
}
