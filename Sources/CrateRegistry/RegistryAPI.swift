public import FarmModel
import Foundation
public import Transfer

/// The parts of a registry's web API that spare downloads and tell which crates are popular:
/// `GET {api}/api/v1/crates/{crate}` and `GET {api}/api/v1/crates?sort=downloads`, as crates.io answers
/// them. At most one request a second begins (crates.io's rule for crawlers).
public struct RegistryAPI: Sendable {
  /// What the API tells of a crate.
  public struct Crate: Sendable, Equatable {
    /// Downloads of all time.
    public let downloads: Int64?
    /// Downloads of the last 90 days.
    public let recentDownloads: Int64?
    public let description: String?
    public let repository: String?
    /// The names of each version's binaries, by the version; versions of which the API does not tell
    /// them are not there.
    public let binaries: [String: [String]]
  }

  private let base: String
  private let client: TransferClient
  private let pace: RequestPace

  /// - Parameters:
  ///   - base: `api` of the index's `config.json`.
  ///   - interval: from the begin of one request to that of the next.
  public init(base: String, client: TransferClient, interval: Duration = .seconds(1)) {
    self.base = base.hasSuffix("/") ? String(base.dropLast()) : base
    self.client = client
    pace = RequestPace(interval: interval)
  }

  /// Asks for a crate; nil: the API has no such crate.
  public func crate(_ name: CrateName) async throws(RegistryError) -> Crate? {
    let url = "\(base)/api/v1/crates/\(name)"
    let response = try await get(url)
    if response.status == 404 { return nil }
    return Crate(try read(Answer.self, response, url))
  }

  /// A crate and its downloads of all time.
  public struct Popular: Sendable, Equatable {
    public let name: CrateName
    public let downloads: Int64
  }

  /// Up to a hundred crates, and where there are more.
  public struct Page: Sendable, Equatable {
    public let crates: [Popular]
    /// What ``mostDownloaded(page:)`` takes for those that come after; nil: there are none.
    public let next: String?
  }

  /// All crates, the most downloaded first, a hundred at once.
  /// - Parameter page: ``Page/next`` of the page before; nil: the first one.
  public func mostDownloaded(page: String? = nil) async throws(RegistryError) -> Page {
    let url = "\(base)/api/v1/crates" + (page ?? "?sort=downloads&per_page=100")
    return Page(try read(ListAnswer.self, try await get(url), url))
  }

  private func get(_ url: String) async throws(RegistryError) -> TransferResponse {
    await pace.wait()
    do throws(TransferError) {
      return try await client.perform(
        TransferRequest(url: url, stallTimeout: .seconds(30), responseLimit: 64 << 20))
    } catch {
      throw .transfer(error)
    }
  }

  private func read<Value: Decodable>(
    _ type: Value.Type, _ response: TransferResponse, _ url: String
  ) throws(RegistryError) -> Value {
    guard response.status == 200 else { throw .status(url: url, status: response.status) }
    do {
      return try JSONDecoder().decode(type, from: Data(response.body))
    } catch {
      throw .badConfiguration(url: url, reason: "the answer is none of crates.io's web API")
    }
  }
}

extension RegistryAPI.Page {
  fileprivate init(_ answer: ListAnswer) {
    crates = answer.crates.compactMap { crate in
      guard let name = CrateName(crate.name), crate.downloads >= 0 else { return nil }
      return RegistryAPI.Popular(name: name, downloads: crate.downloads)
    }
    // It becomes a part of a URL.
    next = answer.meta.next.flatMap { query in
      let isQuery =
        query.hasPrefix("?") && query.utf8.count <= 1000
        && query.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") }
      return isQuery ? query : nil
    }
  }
}

private struct ListAnswer: Decodable {
  struct Crate: Decodable {
    var name: String
    var downloads: Int64
  }
  struct Meta: Decodable {
    var next: String?
    enum CodingKeys: String, CodingKey { case next = "next_page" }
  }
  var crates: [Crate]
  var meta: Meta
}

extension RegistryAPI.Crate {
  fileprivate init(_ answer: Answer) {
    downloads = answer.crate.downloads
    recentDownloads = answer.crate.recentDownloads
    description = answer.crate.description
    repository = answer.crate.repository
    let known = (answer.versions ?? []).compactMap { version in
      version.binaries.map { (version.number, $0) }
    }
    binaries = Dictionary(known) { first, _ in first }
  }
}

private struct Answer: Decodable {
  struct Crate: Decodable {
    var downloads: Int64?
    var recentDownloads: Int64?
    var description: String?
    var repository: String?
    enum CodingKeys: String, CodingKey {
      case downloads, description, repository
      case recentDownloads = "recent_downloads"
    }
  }
  struct Version: Decodable {
    var number: String
    /// null entries are names that Cargo did not tell.
    var binaries: [String]?
    enum CodingKeys: String, CodingKey {
      case number = "num"
      case binaries = "bin_names"
    }
    init(from decoder: any Decoder) throws {
      let values = try decoder.container(keyedBy: CodingKeys.self)
      number = try values.decode(String.self, forKey: .number)
      let names = try values.decodeIfPresent([String?].self, forKey: .binaries)
      binaries = names.map { $0.map { $0 ?? "" } }
    }
  }
  var crate: Crate
  var versions: [Version]?
}

/// Lets one request begin in each interval.
actor RequestPace {
  private let interval: Duration
  private var next = ContinuousClock.now

  init(interval: Duration) { self.interval = interval }

  /// Waits for this request's turn; a cancelled task does not wait.
  func wait() async {
    let turn = max(next, .now)
    next = turn + interval
    try? await Task.sleep(until: turn, clock: .continuous)
  }
}
