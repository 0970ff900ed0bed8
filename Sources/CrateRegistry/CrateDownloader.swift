import Blocking
import Cryptography
public import FarmModel
import Foundation
public import Transfer

/// Downloads `.crate` files and accepts only the bytes that their checksum names.
public struct CrateDownloader: Sendable {
  private let template: DownloadTemplate
  private let client: TransferClient
  private let retries: TransferRetryPolicy
  private let sizeLimit: Int

  /// Creates a downloader.
  /// - Parameter sizeLimit: the largest `.crate` in bytes (crates.io accepts 10 MiB, a few have more).
  public init(
    template: DownloadTemplate, client: TransferClient, retries: TransferRetryPolicy = .init(),
    sizeLimit: Int = 128 << 20
  ) {
    self.template = template
    self.client = client
    self.retries = retries
    self.sizeLimit = sizeLimit
  }

  /// Downloads a `.crate` into a file. When anything fails, the file is removed.
  public func download(
    _ name: CrateName, _ version: Semver, checksum: CrateChecksum, to path: String
  ) async throws(RegistryError) {
    let url = template.url(of: name, version, checksum: checksum)
    let request = TransferRequest(
      url: url, stallTimeout: .seconds(30), responseLimit: sizeLimit)
    let response: TransferResponse
    do throws(TransferError) {
      response = try await client.downloadWithRetries(request, to: path, policy: retries)
    } catch {
      throw .transfer(error)
    }
    guard response.status == 200 else {
      try? FileManager.default.removeItem(atPath: path)
      throw .status(url: url, status: response.status)
    }
    try await offCooperativePool { () throws(RegistryError) in
      try verify(path, crate: "\(name) \(version)", checksum)
    }
  }
}

/// Checks the bytes on the disk, and removes them when they are others.
private func verify(
  _ path: String, crate: String, _ checksum: CrateChecksum
) throws(RegistryError) {
  let found: String
  do {
    found = try SHA256.hex(ofFile: path).hex
  } catch {
    throw .files(action: "read", path: path, reason: "\(error)")
  }
  guard found == checksum.hex else {
    try? FileManager.default.removeItem(atPath: path)
    throw .wrongChecksum(crate: crate, expected: checksum.hex, found: found)
  }
}
