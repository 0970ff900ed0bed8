import Archives
import CrateRegistry
import Cryptography
import ExecutorKit
import FarmModel
import Foundation

/// Makes the Debian package of a build: what `dpkg -i` installs, with nothing to run at installation.
struct DebianPackage: Sendable {
  let inputs: BuildInputs
  let manifest: Manifest
  let binaries: [BuiltBinary]
  /// The texts of the archive: licence, manual pages, completions.
  let texts: [ArchiveInput]
  /// A folder for files in between.
  let scratch: String

  /// Writes the package to a path. Blocks on the disk.
  /// - Parameter dependencies: what stands in `Depends`.
  func write(to path: String, named package: String, architecture: String, dependencies: [String])
    throws
  {
    let files = try files(of: package)
    let control = DebianControl(
      package: package, version: DebianName.version(inputs.version), architecture: architecture,
      dependencies: dependencies, installedSize: try Self.installedSize(of: files),
      manifest: manifest)
    try writeReproducibleDebian(
      control: [
        ArchiveInput(path: "control", content: .bytes(Array(control.text.utf8))),
        ArchiveInput(path: "md5sums", content: .bytes(Array(try Self.checksums(of: files).utf8))),
      ], data: files, to: path, modificationTime: inputs.sourceDateEpoch)
  }

  private func files(of package: String) throws -> [ArchiveInput] {
    let layout = DebianLayout(package: package)
    let texts = texts.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
    var files = binaries.map {
      ArchiveInput(path: "usr/bin/\($0.name)", isExecutable: true, content: .file(path: $0.path))
    }
    var licences: [(name: String, text: String)] = []
    var taken = Set(files.map(\.path))
    func add(_ path: String, _ content: ArchiveInput.Content) {
      // Two files for one place (`a.zsh` and `_a`): the first one by its name.
      if taken.insert(path).inserted { files.append(ArchiveInput(path: path, content: content)) }
    }
    for text in texts {
      switch layout.place(of: text.path) {
      case .file(let path): add(path, text.content)
      case .compressed(let path):
        let bytes = try gzipped(try text.content.allBytes, scratch: scratch + "/manual-page.gz")
        add(path, .bytes(bytes))
      case .licence(let name):
        licences.append((name, String(decoding: try text.content.allBytes, as: UTF8.self)))
      case nil: break
      }
    }
    let copyright = DebianControl.copyright(of: manifest, licences: licences)
    add("usr/share/doc/\(package)/copyright", .bytes(Array(copyright.utf8)))
    return files
  }

  /// KiB, every file and folder rounded up (Debian Policy, section 5.6.20).
  static func installedSize(of files: [ArchiveInput]) throws -> Int {
    let sizes = try files.map { (try $0.content.byteCount + 1023) / 1024 }
    return sizes.reduce(0, +) + foldersNeeded(by: files).count
  }

  /// What `md5sum -c` reads from the root folder, sorted by path.
  private static func checksums(of files: [ArchiveInput]) throws -> String {
    try files.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
      .map { "\(try MD5.hex(of: $0.content))  \($0.path)\n" }.joined()
  }
}

/// The digest of Debian's `md5sums`.
private enum MD5 {
  static func hex(of content: ArchiveInput.Content) throws -> String {
    let digest = Digest(.md5)
    switch content {
    case .bytes(let bytes): digest.update(bytes)
    case .file(let path):
      let file = try FileHandle(forReadingFrom: URL(filePath: path))
      defer { try? file.close() }
      while let piece = try file.read(upToCount: 1 << 20), !piece.isEmpty { digest.update(piece) }
    }
    return Hex.encode(digest.finalize())
  }
}

extension ArchiveInput.Content {
  /// How many bytes it has.
  var byteCount: Int {
    get throws {
      switch self {
      case .bytes(let bytes): return bytes.count
      case .file(let path):
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return (attributes[.size] as? NSNumber)?.intValue ?? 0
      }
    }
  }

  /// All its bytes.
  var allBytes: [UInt8] {
    get throws {
      switch self {
      case .bytes(let bytes): bytes
      case .file(let path): [UInt8](try Data(contentsOf: URL(filePath: path)))
      }
    }
  }
}
