public import FarmModel

/// What the farm reads of a `Cargo.toml` (doc.rust-lang.org/cargo/reference/manifest.html).
public struct Manifest: Sendable, Equatable {
  /// The package's name.
  public let name: CrateName
  /// Its version.
  public let version: Semver
  /// The edition, `2015` where none is given.
  public let edition: String
  /// The oldest Rust that the author promises.
  public let rustVersion: String?
  /// A line about the package.
  public let description: String?
  /// The URL of the source repository.
  public let repository: String?
  /// The URL of the home page.
  public let homepage: String?
  /// The licence as an SPDX expression.
  public let license: String?
  /// Who has written it, each as `Name <mail address>` or in any other way.
  public let authors: [String]
  /// The file with the licence's text.
  public let licenseFile: String?
  /// The file with the readme.
  public let readme: String?
  /// The binary that `cargo run` starts.
  public let defaultRun: String?
  /// Whether binaries are found by where their files are; nil: as the edition has it.
  public let findsBinaries: Bool?
  /// The binaries that are declared by `[[bin]]`.
  public let declaredBinaries: [BinaryTarget]
  /// `[package.metadata.buildsrs]` as JSON text.
  public let buildsrsMetadata: String?
  /// `[package.metadata.binstall]` as JSON text.
  public let binstallMetadata: String?

  /// Reads a `Cargo.toml` as it is in a `.crate`: nothing in it is inherited from a workspace.
  public init(toml bytes: some Collection<UInt8>) throws(ManifestError) {
    let document = try TOMLDocument(bytes)
    let package = try document.table(either: ["package", "project"])
    let nameText = try package.text("name", required: true) ?? ""
    let versionText = try package.text("version", required: true) ?? ""
    guard let name = CrateName(nameText) else { throw .badName(nameText) }
    guard let version = Semver(versionText) else { throw .badVersion(versionText) }
    self.name = name
    self.version = version
    edition = try package.text("edition") ?? "2015"
    rustVersion = try package.text("rust-version")
    description = try package.text("description")
    repository = try package.text("repository")
    homepage = try package.text("homepage")
    license = try package.text("license")
    authors = try package.texts("authors")
    licenseFile = try package.text("license-file")
    // `readme = false` means that there is none.
    readme = try package.flag("readme") == nil ? package.text("readme") : nil
    defaultRun = try package.text("default-run")
    findsBinaries = try package.flag("autobins")
    declaredBinaries = try Self.binaries(of: document)
    // Cargo lets authors write anything there: what is no table is as good as absent.
    let metadata = package.loose("metadata")
    buildsrsMetadata = metadata?.loose("buildsrs")?.json
    binstallMetadata = metadata?.loose("binstall")?.json
  }

  private static func binaries(of document: TOMLDocument) throws(ManifestError) -> [BinaryTarget] {
    var binaries: [BinaryTarget] = []
    for table in try document.tables("bin") {
      binaries.append(
        BinaryTarget(
          name: try table.text("name", required: true) ?? "", path: try table.text("path"),
          requiredFeatures: try table.texts("required-features")))
    }
    return binaries
  }
}

/// Why a `Cargo.toml` cannot be used.
public enum ManifestError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The file is not UTF-8 text, or has NUL in it.
  case notText
  /// The file is larger than any honest one (bytes).
  case tooLarge(limit: Int)
  /// The file is no TOML, from this place on.
  case malformed(line: Int, column: Int, reason: String)
  /// A table or a value that must be there is not.
  case missing(key: String)
  /// A value is of another type.
  case wrongType(key: String, expected: String)
  /// The name breaks the registry's rules.
  case badName(String)
  /// The version is no semantic version.
  case badVersion(String)

  public var description: String {
    switch self {
    case .notText: "the file is not UTF-8 text"
    case .tooLarge(let limit): "the file is larger than \(limit) bytes"
    case .malformed(let line, let column, let reason): "line \(line), column \(column): \(reason)"
    case .missing(let key): "'\(key)' is missing"
    case .wrongType(let key, let expected): "'\(key)' must be \(expected)"
    case .badName(let name): "'\(name)' is no crate name"
    case .badVersion(let version): "'\(version)' is no semantic version"
    }
  }
}
