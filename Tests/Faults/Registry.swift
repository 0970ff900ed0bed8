import Cryptography
import FarmModel
import Foundation
import Synchronization
import Transfer

/// The registry sync, as far as the test needs one: publishes versions, yanks them, changes their plan.
final class Registry: Sendable {
  struct Version: Sendable {
    var crate: String
    /// Changes the checksum, which is in the plan.
    var revision = 0
    var isYanked = false
    var checksum: String { SHA256.hex(of: "\(crate) \(revision)") }
  }

  private let origins: [String]
  private let token: String
  private let client: TransferClient
  private let book: Book
  private let state = Mutex<[Int: Version]>([:])
  /// Versions of which a report went unanswered: it may still arrive, after what was told later.
  private let unsure = Mutex<Set<Int>>([])

  init(origins: [String], token: String, client: TransferClient, book: Book) {
    self.origins = origins
    self.token = token
    self.client = client
    self.book = book
  }

  /// What was published, by its number.
  var versions: [Int: Version] { state.withLock { $0 } }

  func publish(_ numbers: [Int]) async throws {
    state.withLock { state in
      for number in numbers { state[number] = Version(crate: "crate-\(number)") }
    }
    try await report(numbers)
  }

  /// - Returns: false where the version is not published yet.
  func change(_ number: Int, _ change: (inout Version) -> Void) async throws -> Bool {
    let isKnown = state.withLock { state in
      guard var version = state[number] else { return false }
      change(&version)
      state[number] = version
      return true
    }
    if isKnown { try await report([number]) }
    return isKnown
  }

  /// Tells once more what a backend may have been told too late, as a sync does that has lost its place. All
  /// else must be right without that.
  func reportUnsure() async throws {
    let numbers = unsure.withLock { $0 }.sorted()
    for batch in stride(from: 0, to: numbers.count, by: 100) {
      try await report(Array(numbers[batch...].prefix(100)))
    }
  }

  /// Any backend will do, until one has answered.
  private func report(_ numbers: [Int]) async throws {
    var attempt = numbers.first ?? 0
    while true {
      try Task.checkCancellation()
      attempt += 1
      if try await post(numbers, to: origins[attempt % origins.count]) { return }
      unsure.withLock { $0.formUnion(numbers) }
      book.count("reports again")
      try await Task.sleep(for: .milliseconds(200))
    }
  }

  private func post(_ numbers: [Int], to origin: String) async throws -> Bool {
    let known = versions
    let records = [Self.registry] + numbers.compactMap { known[$0].flatMap(Self.record) }
    let body = try records.map { try CanonicalJSON.text($0) + "\n" }.joined()
    let request = TransferRequest(
      method: "POST", url: origin + "/api/v1/registry/versions",
      headers: ["Authorization": "Bearer \(token)"], body: .bytes(Array(body.utf8)),
      timeout: .seconds(4))
    guard let answer = try? await client.perform(request) else { return false }
    if (400..<500).contains(answer.status) {
      book.violated(
        "the sync was told \(answer.status): \(String(decoding: answer.body, as: UTF8.self))")
    }
    return answer.status == 200
  }

  private static let registry = RegistryRecord.registry(
    RegistryDescription(
      indexURL: "sparse+http://127.0.0.1/index/",
      downloadTemplate: "http://127.0.0.1/{crate}/{version}.crate"))

  private static func record(_ version: Version) -> RegistryRecord? {
    guard let crate = CrateName(version.crate), let number = Semver("1.0.0") else { return nil }
    return .version(
      RegistryVersion(
        crate: crate, version: number, checksum: version.checksum, yanked: version.isYanked,
        contents: CrateContents(
          binaries: [CrateContents.Binary(name: "tool")], hasLockfile: true,
          description: "A tool")))
  }
}
