import Archives
import CrateRegistry
import Cryptography
import FarmModel
import Foundation
import Testing
import Transfer

/// Runs a body with a new folder that is removed afterwards, read-only folders in it as well.
func withFolder<Result>(_ body: (String) async throws -> Result) async throws -> Result {
  let folder = FileManager.default.temporaryDirectory.path + "/registry-\(UUID().uuidString)"
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  defer {
    for path in FileManager.default.enumerator(atPath: folder)?.allObjects ?? [] {
      chmod("\(folder)/\(path)", 0o755)
    }
    try? FileManager.default.removeItem(atPath: folder)
  }
  return try await body(folder)
}

/// Runs a body with a server that is stopped afterwards.
func withServer<Result>(
  _ handler: @escaping LocalServer.Handler, test body: (LocalServer) async throws -> Result
) async throws -> Result {
  let server = try LocalServer(handler: handler)
  defer { server.stop() }
  return try await body(server)
}

/// A `.crate` made of texts; the files are relative to the package's folder.
func crate(_ name: String, _ version: String, _ files: [String: String]) throws -> [UInt8] {
  let path = FileManager.default.temporaryDirectory.path + "/crate-\(UUID().uuidString)"
  defer { try? FileManager.default.removeItem(atPath: path) }
  let entries = files.map {
    ArchiveInput(path: "\(name)-\(version)/\($0)", content: .bytes(Array($1.utf8)))
  }
  try writeReproducibleTarGz(entries: entries, to: path, modificationTime: 0)
  return Array(try Data(contentsOf: URL(fileURLWithPath: path)))
}

func name(_ text: String) throws -> CrateName { try #require(CrateName(text)) }

func version(_ text: String) throws -> Semver { try #require(Semver(text)) }

func checksum(of bytes: [UInt8]) throws -> CrateChecksum {
  try #require(CrateChecksum(SHA256.hex(of: bytes)))
}

func read(_ path: String) -> String? {
  FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
}

func permissions(_ path: String) throws -> Int? {
  try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
}

/// Every file and folder below a folder, sorted.
func files(in folder: String) -> [String] {
  let found = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
  return found.sorted()
}

/// What went wrong in the registry, or nil when nothing did.
func failure<Value>(_ body: () async throws -> Value) async -> RegistryError? {
  do {
    _ = try await body()
    return nil
  } catch {
    return error as? RegistryError
  }
}

/// One attempt only, so that failing tests do not wait.
let once = TransferRetryPolicy(attempts: 1)
