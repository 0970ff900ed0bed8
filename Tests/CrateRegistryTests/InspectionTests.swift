import Archives
import CrateRegistry
import FarmModel
import HandmadeArchives
import Testing

struct InspectionTests {
  private let toml = "[package]\nname = \"tool\"\nversion = \"1.0.0\"\nlicense = \"MIT\"\n"

  private func inspect(
    _ bytes: [UInt8], limits: ArchiveLimits = .init()
  ) throws -> CrateInspection {
    try inspectCrate(
      .bytes(bytes), name: name("tool"), version: version("1.0.0"), limits: limits)
  }

  @Test("manifest, files and binaries are found without unpacking")
  func inspects() throws {
    let bytes = try crate(
      "tool", "1.0.0", ["Cargo.toml": toml, "src/main.rs": "fn main() {}", "Cargo.lock": ""])
    let inspection = try inspect(bytes)
    #expect(inspection.files.sorted() == ["Cargo.lock", "Cargo.toml", "src/main.rs"])
    #expect(inspection.binaries.map(\.name) == ["tool"])
    #expect(inspection.hasLockfile)
    #expect(inspection.contents.license == "MIT")
    #expect(inspection.contents.binaries.map(\.name) == ["tool"])
  }

  @Test("what the author says comes with the contents, and nonsense in its place is not fatal")
  func metadata() throws {
    func metadata(_ more: String) throws -> AuthorMetadata? {
      let bytes = try crate(
        "tool", "1.0.0", ["Cargo.toml": toml + more, "src/main.rs": "fn main() {}"])
      return try inspect(bytes).contents.metadata
    }
    #expect(
      try metadata(
        "[package.metadata.buildsrs]\nfeatures = [\"a\"]\nbinaries = [\"tool\", \"none\"]\n")
        == AuthorMetadata(
          features: ["a"], binaries: ["tool"],
          warnings: [
            "[package.metadata.buildsrs]: “binaries”: “none” is not one of the package's binaries, "
              + "ignored"
          ]))
    #expect(
      try metadata("[package.metadata.binstall]\ndisabled-strategies = [\"quick-install\"]\n")?
        .optOut != nil)
    #expect(try metadata("") == nil)
    #expect(try metadata("metadata = 3\n") == nil)
    #expect(try metadata("[package.metadata]\nbuildsrs = [1979-05-27]\nbinstall = 1\n") == nil)
    let odd = try metadata("[package.metadata.buildsrs]\nfeatures = 1979-05-27\nx = nan\n")
    #expect(odd?.warnings.isEmpty == false && odd?.features == nil)
  }

  @Test("a library has no binaries")
  func library() throws {
    let bytes = try crate("tool", "1.0.0", ["Cargo.toml": toml, "src/lib.rs": ""])
    let inspection = try inspect(bytes)
    #expect(inspection.binaries.isEmpty)
    #expect(!inspection.hasLockfile)
  }

  @Test("a crate without Cargo.toml at its root is refused")
  func noManifest() throws {
    let bytes = try crate("tool", "1.0.0", ["inner/Cargo.toml": toml, "src/main.rs": ""])
    #expect(throws: RegistryError.noManifest(crate: "tool 1.0.0")) { try inspect(bytes) }
  }

  @Test("a manifest of another package or version is refused")
  func wrongPackage() throws {
    let other = toml.replacing("1.0.0", with: "1.0.1")
    let bytes = try crate("tool", "1.0.0", ["Cargo.toml": other])
    #expect(throws: RegistryError.wrongPackage(crate: "tool 1.0.0", found: "tool 1.0.1")) {
      try inspect(bytes)
    }
  }

  @Test("an archive of another folder, an escape and a bomb are refused, naming the entry")
  func archives() throws {
    var escape = HandmadeTar()
    escape.add("tool-1.0.0/Cargo.toml", toml)
    escape.add("tool-1.0.0/../../x", "x")
    #expect(
      throws: RegistryError.archive(
        crate: "tool 1.0.0",
        .unsafePath(entry: "tool-1.0.0/../../x", reason: "the path has a part '..'"))
    ) { try inspect(escape.tarGz) }
    let other = try crate("tool", "2.0.0", ["Cargo.toml": toml])
    #expect(
      throws: RegistryError.archive(
        crate: "tool 1.0.0",
        .outsideRoot(entry: "tool-2.0.0/Cargo.toml", root: "tool-1.0.0"))
    ) { try inspect(other) }
    let bomb = try crate("tool", "1.0.0", ["zeros": String(repeating: "0", count: 300_000)])
    #expect(
      throws: RegistryError.archive(
        crate: "tool 1.0.0", .bomb(entry: "tool-1.0.0/zeros", ratio: 200))
    ) { try inspect(bomb, limits: .init(ratioApplies: 100_000)) }
  }
}
