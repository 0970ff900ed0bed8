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
  private let sending = Mutex(Sending())

  /// Reports on their way.
  private struct Sending {
    /// How many there are of a version.
    var reports: [Int: Int] = [:]
    /// Versions of which the backends may have heard things in another order than they happened: a report
    /// went unanswered and may still arrive, or two of them were on their way at once. A sync tells one
    /// thing after the other.
    var unsure: Set<Int> = []

    mutating func begin(_ numbers: [Int]) {
      for number in numbers {
        if reports[number] != nil { unsure.insert(number) }
        reports[number, default: 0] += 1
      }
    }

    mutating func end(_ numbers: [Int]) {
      for number in numbers {
        let rest = (reports[number] ?? 1) - 1
        reports[number] = rest == 0 ? nil : rest
      }
    }
  }

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
    let numbers = sending.withLock { $0.unsure }.sorted()
    for batch in stride(from: 0, to: numbers.count, by: 100) {
      try await report(Array(numbers[batch...].prefix(100)))
    }
  }

  /// Any backend will do, until one has answered.
  private func report(_ numbers: [Int]) async throws {
    sending.withLock { $0.begin(numbers) }
    defer { sending.withLock { $0.end(numbers) } }
    var attempt = numbers.first ?? 0
    while true {
      try Task.checkCancellation()
      attempt += 1
      if try await post(numbers, to: origins[attempt % origins.count]) { return }
      sending.withLock { $0.unsure.formUnion(numbers) }
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
