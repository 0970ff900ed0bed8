import ArgumentParser
import ArtifactStorage
import CommandLineSupport
import Database
import Foundation
import Signing

/// The keys that sign what the farm publishes.
struct KeysCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keys",
    abstract: "Makes and shows the farm's signing key.",
    discussion: """
      The key is a minisign key without a password; the program `minisign` reads it and its \
      signatures.

      EXAMPLES
        buildsrs keys generate
        minisign -V -p .local/state/minisign.pub -m ripgrep.tar.gz
      """,
    subcommands: [Generate.self, Show.self])

  struct Generate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Makes what a new farm's backend asks for: key, its registration, storage marker.",
      discussion: """
        Writes the secret key (mode 0600) and minisign.pub beside it, registers the public key in \
        the database, and marks the storage as this farm's. What is there already is kept: run it \
        again to register an existing key with another database or to mark another storage.
        """)
    @OptionGroup var common: CommonOptions
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var storage: StorageOptions

    func run() async throws {
      let settings = try common.settings(database, storage)
      let key = try SigningKeyLocation(settings).loadOrMake()
      try await settings.withFarmDatabase {
        try await $0.registerSigningKey(id: key.publicKey.keyID, publicKey: key.publicKey.base64)
      }
      let store = try StorageURL(settings.storageURL).makeStore()
      if try await store.readMarker() == nil {
        try await store.writeMarker(FarmMarker(farm: UUID().uuidString.lowercased()))
      }
      print("signing key \(key.publicKey.keyID): \(SigningKeyLocation(settings).secretFile)")
      print("public key \(key.publicKey.base64): \(SigningKeyLocation(settings).publicFile)")
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Prints the public keys that are registered, the newest first.")
    @OptionGroup var common: CommonOptions
    @OptionGroup var database: DatabaseOptions
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
      let keys = try await common.settings(database).withFarmDatabase {
        try await $0.signingKeys().map { ["id": $0.id, "public_key": $0.publicKey] }
      }
      if json { return try printJSON(keys) }
      for key in keys { print("\(key["id"] ?? "")  \(key["public_key"] ?? "")") }
      if keys.isEmpty { print("no key is registered: run `buildsrs keys generate`") }
    }
  }
}

/// Where the farm's key is, by the settings.
struct SigningKeyLocation {
  let secretFile: String

  init(_ settings: Settings) {
    secretFile = settings.signingKeyFile ?? "\(settings.stateDirectory)/signing.key"
  }

  var publicFile: String {
    URL(filePath: secretFile).deletingLastPathComponent().appending(path: "minisign.pub")
      .path(percentEncoded: false)
  }

  /// The key of the file, which is made where it is missing.
  func loadOrMake() throws -> SigningKey {
    let folder = URL(filePath: secretFile).deletingLastPathComponent()
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    if !FileManager.default.fileExists(atPath: secretFile) {
      do { try SigningKey.generate().write(to: secretFile) } catch SigningKeyError.exists {
        // Somebody else has made it meanwhile.
      }
    }
    let key = try SigningKey(contentsOf: secretFile)
    try Data(key.publicKey.fileText.utf8).write(to: URL(filePath: publicFile), options: .atomic)
    return key
  }

  /// - Throws: a failure that names the remedy when there is no key.
  func load() throws -> SigningKey {
    guard FileManager.default.fileExists(atPath: secretFile) else {
      throw CommandFailure(
        "there is no signing key \(secretFile): make one with `buildsrs keys generate`")
    }
    return try SigningKey(contentsOf: secretFile)
  }
}
