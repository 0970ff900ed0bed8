import FarmModel
import Foundation

/// A binary that a package builds.
public struct BinaryTarget: Sendable, Equatable {
  /// The name of the executable.
  public let name: String
  /// The source file, relative to the manifest; nil where it is where Cargo looks first.
  public let path: String?
  /// The features without which Cargo leaves the binary out.
  public let requiredFeatures: [String]

  /// Creates a binary target.
  public init(name: String, path: String? = nil, requiredFeatures: [String] = []) {
    self.name = name
    self.path = path
    self.requiredFeatures = requiredFeatures
  }
}

extension Manifest {
  /// The binaries of the package, sorted by name: those declared and those found by their files
  /// (doc.rust-lang.org/cargo/reference/cargo-targets.html, "Target auto-discovery").
  ///
  /// - Parameter files: the package's files, relative to the manifest.
  public func binaryTargets(files: some Sequence<String>) -> [BinaryTarget] {
    var targets = declaredBinaries
    // Edition 2015 stops looking as soon as one binary is declared.
    if findsBinaries ?? (edition != "2015" || declaredBinaries.isEmpty) {
      let names = Set(targets.map(\.name))
      let paths = Set(targets.compactMap(\.path))
      targets += Self.discovered(in: files, package: name.text)
        .filter { !names.contains($0.name) && !paths.contains($0.path ?? "") }
    }
    var seen: Set<String> = []
    return targets.filter { seen.insert($0.name).inserted }.sorted { $0.name < $1.name }
  }

  /// The binaries of an unpacked crate. Blocks on the disk.
  public func binaryTargets(ofCrateIn folder: String) -> [BinaryTarget] {
    let found = FileManager.default.enumerator(atPath: folder + "/src")?
      .compactMap { ($0 as? String).map { "src/" + $0 } }
    return binaryTargets(files: found ?? [])
  }

  private static func discovered(
    in files: some Sequence<String>, package: String
  ) -> [BinaryTarget] {
    files.compactMap { path in
      let parts = path.split(separator: "/")
      switch (parts.count, parts.first, parts.dropFirst().first, parts.last) {
      case (2, "src", "main.rs", _): return BinaryTarget(name: package, path: path)
      case (3, "src", "bin", let file?) where file.hasSuffix(".rs") && file.count > 3:
        return BinaryTarget(name: String(file.dropLast(3)), path: path)
      case (4, "src", "bin", "main.rs"): return BinaryTarget(name: String(parts[2]), path: path)
      default: return nil
      }
    }
  }
}
