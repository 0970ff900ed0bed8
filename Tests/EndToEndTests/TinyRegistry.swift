import Archives
import Cryptography
import Foundation
import LocalFarm

/// A sparse registry in a folder, laid out as `scripts/make_registry.py serve` serves it, of the tiny
/// crates under `Tests/Crates` and of whatever else a test puts in.
struct TinyRegistry {
  let directory: String

  init(in directory: String) throws {
    self.directory = directory
    for folder in ["index", "crates"] {
      try FileManager.default.createDirectory(
        atPath: "\(directory)/\(folder)", withIntermediateDirectories: true)
    }
    let ready = try JSONSerialization.data(withJSONObject: ["crates": 0])
    try ready.write(to: URL(filePath: "\(directory)/ready.json"))
  }

  /// Serves the registry while a body runs, which is given the index's URL.
  ///
  /// - Parameter logs: Where the server's output goes.
  func serve(logs: String, _ body: (String) async throws -> Void) async throws {
    let server = try ChildProcess(
      "registry",
      ["/usr/bin/python3", Checkout.root + "/scripts/make_registry.py", "serve"]
        + ["--out", directory, "--port", "0"], directory: logs)
    let result: Result<Void, any Error>
    do {
      try await body("sparse+http://127.0.0.1:\(try await server.firstLine())/index/")
      result = .success(())
    } catch { result = .failure(error) }
    await server.stop()
    try result.get()
  }

  /// Publishes `tiny`, which has a build script, and its dependency `tiny-words`.
  func publishTiny() throws {
    let words = try publish("tiny-words", "0.1.0", files: Self.files(ofCrate: "tiny-words"))
    let lockfile = """
      version = 4

      [[package]]
      name = "tiny"
      version = "1.2.3"
      dependencies = [
       "tiny-words",
      ]

      [[package]]
      name = "tiny-words"
      version = "0.1.0"
      source = "registry+https://github.com/rust-lang/crates.io-index"
      checksum = "\(words)"

      """
    var files = try Self.files(ofCrate: "tiny")
    files["Cargo.lock"] = Array(lockfile.utf8)
    let needs =
      #"{"name":"tiny-words","req":"^0.1","features":[],"optional":false,"default_features":true,"target":null,"kind":"normal"}"#
    try publish("tiny", "1.2.3", files: files, dependencies: needs)
  }

  /// Publishes a binary crate without dependencies, which only its files tell apart from others.
  ///
  /// - Parameters:
  ///   - metadata: what its author says, the lines of `[package.metadata.buildsrs]`.
  ///   - features: the lines of its `[features]`.
  func publishSimple(
    _ name: String, yanked: Bool = false, metadata: String? = nil, features: String? = nil
  ) throws {
    let manifest = """
      [package]
      name = "\(name)"
      version = "1.0.0"
      edition = "2021"
      \(metadata.map { "[package.metadata.buildsrs]\n" + $0 + "\n" } ?? "")\
      \(features.map { "[features]\n" + $0 + "\n" } ?? "")
      """
    let lockfile = """
      version = 4

      [[package]]
      name = "\(name)"
      version = "1.0.0"

      """
    let files = [
      "Cargo.toml": manifest, "Cargo.lock": lockfile,
      "src/main.rs": "fn main() { println!(\"\(name) 1.0.0\") }\n",
    ]
    try publish(name, "1.0.0", files: files.mapValues { Array($0.utf8) }, yanked: yanked)
  }

  /// Writes a `.crate` of these files and its line in the index; the checksum.
  @discardableResult
  func publish(
    _ name: String, _ version: String, files: [String: [UInt8]], dependencies: String = "",
    yanked: Bool = false
  ) throws -> String {
    let path = cratePath(name, version)
    try writeReproducibleTarGz(
      entries: files.map {
        ArchiveInput(path: "\(name)-\(version)/\($0.key)", content: .bytes($0.value))
      }, to: path, modificationTime: 1_153_704_088)
    let checksum = try SHA256.hex(ofFile: path).hex
    try writeIndex(
      name, version, checksum: checksum, dependencies: dependencies, yanked: yanked)
    return checksum
  }

  /// Writes a `.crate` of any bytes, with its true checksum in the index.
  func publish(_ name: String, _ version: String, bytes: [UInt8]) throws {
    try Data(bytes).write(to: URL(filePath: cratePath(name, version)))
    try writeIndex(name, version, checksum: SHA256.hex(of: bytes))
  }

  func cratePath(_ name: String, _ version: String) -> String {
    "\(directory)/crates/\(name)-\(version).crate"
  }

  /// Where the index has a crate: `1/a`, `2/ab`, `3/a/abc`, `ab/cd/abcd` (Cargo's index format).
  func indexPath(_ name: String) -> String {
    let folder =
      switch name.count {
      case 1, 2: "\(name.count)"
      case 3: "3/\(name.prefix(1))"
      default: "\(name.prefix(2))/\(name.dropFirst(2).prefix(2))"
      }
    return "\(directory)/index/\(folder)/\(name)"
  }

  func writeIndex(
    _ name: String, _ version: String, checksum: String, dependencies: String = "",
    yanked: Bool = false
  ) throws {
    let line = """
      {"name":"\(name)","vers":"\(version)","deps":[\(dependencies)],"cksum":"\(checksum)",\
      "features":{},"yanked":\(yanked)}

      """
    try write(line, toIndexOf: name)
  }

  func write(_ text: String, toIndexOf name: String) throws {
    let path = URL(filePath: indexPath(name))
    try FileManager.default.createDirectory(
      at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: path)
  }

  static func files(ofCrate name: String) throws -> [String: [UInt8]] {
    let root = Checkout.root + "/Tests/Crates/" + name
    var files: [String: [UInt8]] = [:]
    for path in try FileManager.default.subpathsOfDirectory(atPath: root) {
      guard let data = FileManager.default.contents(atPath: "\(root)/\(path)") else { continue }
      files[path] = Array(data)
    }
    return files
  }
}

/// The sources of this test run.
enum Checkout {
  static let root: String = {
    let file = URL(filePath: #filePath)
    let root = file.deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    return root.path
  }()
}
