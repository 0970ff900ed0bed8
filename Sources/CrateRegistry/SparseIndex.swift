public import FarmModel
public import Transfer

/// What an index says about one crate.
public enum IndexAnswer: Sendable, Equatable {
  /// The file is as it was when the given tag or time was taken.
  case notModified
  /// The file, with what to send along the next time.
  case changed(bytes: [UInt8], etag: String?, lastModified: String?)
  /// There is no such crate (any more).
  case missing
}

/// A registry's index over HTTP (RFC 2789 of Rust; one file a crate, conditional requests).
public struct SparseIndex: Sendable {
  /// The address of the index itself, with a slash at its end.
  public let base: String
  private let client: TransferClient
  private let retries: TransferRetryPolicy

  /// The largest index file that is taken: the largest of crates.io has a few MiB.
  private static let fileLimit = 64 << 20

  /// Creates a client of an index.
  /// - Parameter url: `sparse+http://…` or `sparse+https://…`.
  public init(
    url: String, client: TransferClient, retries: TransferRetryPolicy = .init()
  ) throws(RegistryError) {
    let address = url.dropFirst("sparse+".count)
    guard url.hasPrefix("sparse+"),
      ["http://", "https://"].contains(where: { address.hasPrefix($0) && address.count > $0.count })
    else { throw .badIndexURL(url) }
    base = address.hasSuffix("/") ? String(address) : address + "/"
    self.client = client
    self.retries = retries
  }

  /// Fetches `config.json`.
  public func configuration() async throws(RegistryError) -> RegistryConfiguration {
    let url = base + "config.json"
    let response = try await get(TransferRequest(url: url, responseLimit: 1 << 20))
    guard response.status == 200 else { throw .status(url: url, status: response.status) }
    return try RegistryConfiguration(json: response.body, url: url)
  }

  /// Fetches a crate's file, unless it is as it was: the tag or the time of the last answer tells.
  public func fetch(
    _ name: CrateName, ifNoneMatch etag: String? = nil, ifModifiedSince: String? = nil
  ) async throws(RegistryError) -> IndexAnswer {
    let url = base + indexPath(for: name)
    var request = TransferRequest(url: url, responseLimit: Self.fileLimit)
    request.headers["If-None-Match"] = etag
    // A tag is the better of the two (RFC 9110, section 13.1.3).
    if etag == nil { request.headers["If-Modified-Since"] = ifModifiedSince }
    let response = try await get(request)
    switch response.status {
    case 200:
      return .changed(
        bytes: response.body, etag: response.headers["ETag"],
        lastModified: response.headers["Last-Modified"])
    case 304: return .notModified
    // What Cargo takes for "no such crate".
    case 404, 410, 451: return .missing
    default: throw .status(url: url, status: response.status)
    }
  }

  private func get(_ request: TransferRequest) async throws(RegistryError) -> TransferResponse {
    var request = request
    request.stallTimeout = .seconds(30)
    do throws(TransferError) {
      return try await client.performWithRetries(request, policy: retries)
    } catch {
      throw .transfer(error)
    }
  }
}
