import Archives
import Blocking
import CommandLineSupport
import CrateRegistry
import Cryptography
import FarmModel
import Foundation
import Recipes
import Transfer

/// What the authors of crates say in their manifests, read once a `.crate` and command.
struct AuthorWords {
  private var known: [CrateChecksum: AuthorMetadata?] = [:]
  private let terminal = Terminal()

  /// What the farm would know of a version from its `.crate`, and a warning for each thing of it that is
  /// not heeded here: what is wrong with it, and an opt-out, which is about what farms publish.
  ///
  /// Where the `.crate` cannot be used there is nothing: the build itself fails, with its reason.
  /// - Throws: `RegistryError` where the registry could not be asked.
  mutating func metadata(
    of entry: IndexEntry, from template: DownloadTemplate, _ client: TransferClient
  ) async throws(RegistryError) -> AuthorMetadata? {
    if let metadata = known[entry.checksum] { return metadata }
    var metadata: AuthorMetadata?
    do throws(RegistryError) {
      metadata = try await read(entry, from: template, client)
    } catch {
      if error.isTransient { throw error }
      warn("what its author says of it is unknown: \(error)")
    }
    for warning in metadata?.warnings ?? [] { warn(warning) }
    if let optOut = metadata?.optOut {
      warn("\(optOut). The farm would not build it; this build is your own.")
      metadata?.optOut = nil
    }
    known.updateValue(metadata, forKey: entry.checksum)
    return metadata
  }

  private func warn(_ text: String) {
    terminal.printError(terminal.styled("warning: ", .bold, .yellow, for: .error) + text)
  }

  private func read(
    _ entry: IndexEntry, from template: DownloadTemplate, _ client: TransferClient
  ) async throws(RegistryError) -> AuthorMetadata? {
    let path = NSTemporaryDirectory() + "buildsrs-\(Random.token(bytes: 8)).crate"
    defer { unlink(path) }
    try await CrateDownloader(template: template, client: client)
      .download(entry.name, entry.version, checksum: entry.checksum, to: path)
    return try await offCooperativePool { () throws(RegistryError) in
      try inspectCrate(.file(path: path), name: entry.name, version: entry.version).contents
        .metadata
    }
  }
}
