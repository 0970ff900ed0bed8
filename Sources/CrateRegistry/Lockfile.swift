public import FarmModel
import Foundation

/// One package of a `Cargo.lock`.
public struct LockedPackage: Sendable, Hashable {
  /// The name.
  public let name: CrateName
  /// The version.
  public let version: Semver
  /// Whether it comes from the registry; else it is the package itself or lies beside it.
  public let isFromRegistry: Bool
  /// The SHA-256 of the `.crate`, where the lockfile has it.
  public let checksum: CrateChecksum?
  /// The line of its `[[package]]`; nil where the file is not written as Cargo does.
  public let line: Int?
  /// What it depends on, as the file has it: `NAME`, `NAME VERSION` or `NAME VERSION (SOURCE)`.
  public let dependencies: [String]

  /// Creates a package.
  public init(
    name: CrateName, version: Semver, isFromRegistry: Bool = true, checksum: CrateChecksum?,
    line: Int? = nil, dependencies: [String] = []
  ) {
    self.name = name
    self.version = version
    self.isFromRegistry = isFromRegistry
    self.checksum = checksum
    self.line = line
    self.dependencies = dependencies
  }
}

/// A `Cargo.lock` of the formats 1 to 4 (cargo's `core/resolver/encode.rs` describes them).
public struct Lockfile: Sendable, Equatable {
  /// The names under which lockfiles know crates.io.
  public static let cratesIO: Set<String> = [
    "registry+https://github.com/rust-lang/crates.io-index", "sparse+https://index.crates.io/",
  ]

  /// The format, 1 to 4.
  public let format: Int
  /// All packages, of whatever platform, in the order of the file.
  public let packages: [LockedPackage]
  /// The file as it was read.
  public let text: String

  /// Registry packages whose checksum must be taken from the index.
  public var missingChecksums: [LockedPackage] {
    packages.filter { $0.isFromRegistry && $0.checksum == nil }
  }

  /// Reads the lockfile of an unpacked crate; `missing` when it has none. Blocks on the disk.
  public init(ofCrateIn folder: String) throws(LockfileError) {
    let path = folder + "/Cargo.lock"
    guard FileManager.default.fileExists(atPath: path) else { throw .missing }
    guard let bytes = FileManager.default.contents(atPath: path) else {
      throw .unreadable(path: path, reason: "it is no readable file")
    }
    try self.init(bytes: bytes)
  }

  /// Reads a lockfile.
  /// - Parameter registries: the sources that are the farm's own registry.
  public init(
    bytes: some Collection<UInt8>, registries: Set<String> = Lockfile.cratesIO
  ) throws(LockfileError) {
    let document = try lockfileTOML { () throws(ManifestError) in try TOMLDocument(bytes) }
    let reader = LockfileReader(
      document: document, lines: LockfileLines(bytes), registries: registries)
    (format, packages) = try reader.read()
    text = String(decoding: bytes, as: UTF8.self)
  }
}

/// Where packages stand in a lockfile that is written as Cargo does.
struct LockfileLines {
  private let packages: [Int]
  /// The line of the format's number.
  let version: Int?
  private let count: Int
  private let texts: [String]

  init(_ bytes: some Collection<UInt8>) {
    let texts = lines(of: String(decoding: bytes, as: UTF8.self))
    packages = texts.indices.filter { texts[$0].hasPrefix("[[package]]") }.map { $0 + 1 }
    version = texts.firstIndex { $0.hasPrefix("version") }.map { $0 + 1 }
    count = packages.count
    self.texts = texts
  }

  /// The line of a package's head.
  func package(_ index: Int, of total: Int) -> Int? {
    count == total ? packages[index] : nil
  }

  /// The line of a key in a package.
  func line(of key: String, inPackage index: Int, of total: Int) -> Int? {
    guard let head = package(index, of: total) else { return nil }
    let end = index + 1 < count ? packages[index + 1] - 1 : texts.count
    return (head..<end).first { texts[$0].hasPrefix(key + " =") }.map { $0 + 1 } ?? head
  }
}

/// The lines of a text without their line feeds. (To a Swift string, CR LF is one character.)
func lines(of text: String) -> [String] {
  text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false).map { String(Substring($0)) }
}
