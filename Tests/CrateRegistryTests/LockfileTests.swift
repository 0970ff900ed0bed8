import CrateRegistry
import FarmModel
import Testing

struct LockfileTests {
  private let sum = String(repeating: "0f", count: 32)
  private let source = "registry+https://github.com/rust-lang/crates.io-index"

  private func packages(_ checksums: Bool = true) -> String {
    """
    [[package]]
    name = "bar"
    version = "1.2.3"
    source = "\(source)"
    \(checksums ? "checksum = \"\(sum)\"" : "# none")

    [[package]]
    name = "tool"
    version = "0.1.0"
    dependencies = [
     "bar",
    ]

    """
  }

  private func error(_ text: String) -> LockfileError? {
    do {
      _ = try Lockfile(bytes: text.utf8)
      return nil
    } catch {
      return error
    }
  }

  @Test("the formats 2, 3 and 4 have the checksum in the package", arguments: [2, 3, 4])
  func newFormats(format: Int) throws {
    let head = "# @generated\n" + (format > 2 ? "version = \(format)\n\n" : "")
    let lockfile = try Lockfile(bytes: (head + packages()).utf8)
    #expect(lockfile.format == format)
    #expect(lockfile.packages.map(\.name.text) == ["bar", "tool"])
    #expect(lockfile.packages.map(\.isFromRegistry) == [true, false])
    #expect(lockfile.packages.map(\.checksum?.hex) == [sum, nil])
    #expect(lockfile.packages[0].line == (format > 2 ? 4 : 2))
    #expect(lockfile.missingChecksums.isEmpty)
    #expect(lockfile.dependencyGraph == [[], [0]])
  }

  @Test("format 1 has them in its metadata, and the oldest files have a root")
  func oldFormat() throws {
    let text = """
      [root]
      name = "tool"
      version = "0.1.0"
      dependencies = ["bar 1.2.3 (\(source))"]

      [[package]]
      name = "bar"
      version = "1.2.3"
      source = "\(source)"

      [[package]]
      name = "baz"
      version = "1.0.0"
      source = "\(source)"

      [metadata]
      "checksum bar 1.2.3 (\(source))" = "\(sum)"
      "checksum baz 1.0.0 (\(source))" = "<none>"

      """
    let lockfile = try Lockfile(bytes: text.utf8)
    #expect(lockfile.format == 1)
    #expect(lockfile.packages.map(\.name.text) == ["tool", "bar", "baz"])
    #expect(lockfile.packages.map(\.checksum?.hex) == [nil, sum, nil])
    #expect(lockfile.missingChecksums.map(\.name.text) == ["baz"])
  }

  @Test("missing checksums are listed and can be filled in where Cargo writes them")
  func filling() throws {
    for text in [packages(false), packages(false).replacing("\n", with: "\r\n")] {
      let bare = text.replacing("# none\n", with: "").replacing("# none\r\n", with: "")
      let lockfile = try Lockfile(bytes: bare.utf8)
      #expect(lockfile.missingChecksums.map(\.name.text) == ["bar"])
      let filled = try #require(lockfile.text { _ in CrateChecksum(sum) })
      let lines = packages().replacing("\n", with: bare.contains("\r\n") ? "\r\n" : "\n")
      #expect(filled == lines)
      #expect(try Lockfile(bytes: filled.utf8).missingChecksums.isEmpty)
      #expect(lockfile.text { _ in nil } == nil)
    }
  }

  @Test("git sources and foreign registries are refused with their line")
  func sources() {
    let git = "git+https://example.org/bar?rev=1#2"
    #expect(
      error(packages().replacing(source, with: git))
        == .gitSource(package: "bar 1.2.3", source: git, line: 4))
    let other = "registry+https://example.org/index"
    #expect(
      error("version = 4\n" + packages().replacing(source, with: other))
        == .foreignRegistry(package: "bar 1.2.3", source: other, line: 5))
    #expect(error(packages().replacing(source, with: "sparse+https://index.crates.io/")) == nil)
  }

  @Test("newer formats are refused with their line")
  func newer() {
    #expect(error("# x\nversion = 5\n" + packages()) == .newerFormat(version: 5, line: 2))
    #expect(
      error("version = 0\n") == .invalid(reason: "the format 0 is unknown", line: 1))
  }

  @Test("bad names, versions and checksums never get as far as a path")
  func invalid() {
    #expect(
      error(packages().replacing("\"bar\"\nversion", with: "\"../bar\"\nversion"))
        == .invalid(reason: "'../bar 1.2.3' is no crate name and version", line: 2))
    #expect(
      error(packages().replacing(sum, with: "../../x"))
        == .invalid(reason: "the checksum of bar 1.2.3 is not 64 hexadecimal digits", line: 5))
    #expect(
      error("[[package]]\nname = \"x\"\n")
        == .invalid(reason: "'package.version' is missing", line: nil))
    #expect(
      error("package = 1\n")
        == .invalid(reason: "'package' must be an array of tables", line: nil))
  }

  @Test("a file that is too large for a lockfile is not parsed")
  func tooLarge() {
    #expect(
      error(String(repeating: "#", count: (16 << 20) + 1))
        == .invalid(reason: "the file is larger than 16777216 bytes", line: nil))
  }

  @Test("what is no TOML is refused with its place")
  func malformed() {
    guard case .malformed(2, _, _) = error("version = 4\n[[package\n") else {
      Issue.record("\(String(describing: error("version = 4\n[[package\n")))")
      return
    }
    #expect(error("a = \u{0}") == .notText)
  }

  @Test("a lockfile that is written otherwise has no lines, but the same packages")
  func inline() throws {
    let text = "package = [{ name = \"tool\", version = \"0.1.0\" }]\n"
    let lockfile = try Lockfile(bytes: text.utf8)
    #expect(lockfile.packages.map(\.line) == [nil])
  }

  @Test("a crate without a lockfile says so")
  func missing() async throws {
    try await withFolder { folder in
      _ = #expect(throws: LockfileError.missing) { try Lockfile(ofCrateIn: folder) }
    }
  }
}
