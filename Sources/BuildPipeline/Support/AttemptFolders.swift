import Blocking
import ExecutorKit
import Foundation

/// Where the things of one attempt lie on the host, and where its environment sees them.
struct AttemptFolders: Sendable {
  let work: String
  let store: String
  /// What modules keep.
  let modules: String
  /// What the environment's commands may share with other builds. Nil until the environment is known,
  /// for not every one can use it.
  var compileCache: CompileCache?

  init(_ request: HostBuildRequest) {
    work = request.workDirectory
    store = request.storeDirectory
    modules = request.cacheDirectory
  }

  var archive: String { work + "/source.crate" }
  var crate: String { work + "/crate" }
  var vendor: String { work + "/vendor" }
  var cargoHome: String { work + "/cargo-home" }
  var target: String { work + "/target" }
  /// The binaries as they were right after the build, out of reach of what runs later.
  var binaries: String { work + "/binaries" }
  /// Manual pages and completions that the build has made, taken over as the binaries are.
  var generated: String { work + "/generated" }
  var artifacts: String { work + "/artifacts" }
  /// Programs of the farm that the build calls.
  var tools: String { work + "/tools" }
  /// The module's own place.
  var scratch: String { work + "/scratch" }
  /// A module's place that outlives attempts.
  func cache(ofModule name: String) -> String { "\(modules)/\(name)" }

  /// What the environment's commands see of the host. The same paths everywhere: they are part of
  /// what makes builds reproducible.
  var mounts: [Mount] {
    [
      Mount(source: crate, destination: "/build/crate", isWritable: false),
      Mount(source: vendor, destination: "/build/vendor", isWritable: false),
      Mount(source: store, destination: "/build/store", isWritable: false),
      Mount(source: cargoHome, destination: "/build/cargo-home", isWritable: true),
      Mount(source: target, destination: "/build/target", isWritable: true),
      Mount(source: binaries, destination: "/build/binaries", isWritable: false),
    ] + (compileCache?.mounts(tools: tools) ?? [])
  }

  /// The attempt's own folders that its commands may fill.
  var writable: [String] { [cargoHome, target] }

  /// Where the commands can put files that have no name in ``writable`` any more.
  var hidingPlace: UnlinkedFiles.Place {
    UnlinkedFiles.Place(folder: target, seenAs: "/build/target")
  }

  /// Makes every folder but ``crate``, which appears when the archive is unpacked. Blocks on the disk.
  func create(module: String) throws(ExecutorFailure) {
    try makeFolders([
      vendor, cargoHome, target, binaries, generated, artifacts, scratch, store,
      cache(ofModule: module),
    ])
  }
}

/// Makes folders and their parents with the mode 0755, where they are missing. Blocks on the disk.
func makeFolders(_ folders: [String]) throws(ExecutorFailure) {
  for folder in folders {
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
    } catch {
      throw ExecutorFailure(
        .infrastructure, "cannot make the folder \(folder): \(error.localizedDescription)")
    }
  }
}
