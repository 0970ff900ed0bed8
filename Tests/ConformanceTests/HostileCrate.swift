import ExecutorKit
import FarmModel
import Foundation
import Testing

/// A small crate of `Tests/Crates` and what must become of it: its `fate.json`.
struct HostileCrate: Sendable, CustomTestStringConvertible {
  var name: String
  var folder: String
  var fate: Fate

  var testDescription: String { name }

  /// All of `Tests/Crates/hostile`.
  static let all: [HostileCrate] = {
    let parent = Checkout.root + "/Tests/Crates/hostile"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
    return names.sorted().compactMap { name in
      let folder = "\(parent)/\(name)"
      let bytes = FileManager.default.contents(atPath: folder + "/fate.json")
      // A crate without a readable fate has one that nothing meets.
      let fate = bytes.flatMap { try? JSONDecoder().decode(Fate.self, from: $0) } ?? .unreadable
      return HostileCrate(name: name, folder: folder, fate: fate)
    }
  }()

  static func named(_ name: String) throws -> HostileCrate {
    try #require(all.first { $0.name == name }, "there is no Tests/Crates/hostile/\(name)")
  }
}

/// What must become of a crate. `docs/conformance.md` explains the keys.
struct Fate: Decodable, Sendable {
  /// What the crate does, as the end of a sentence that begins with "a crate that".
  var about: String
  /// `succeeded` or a failure class.
  var outcome: String
  /// A regular expression that the failure's message must contain.
  var message: String?
  /// A regular expression that the log must contain.
  var log: String?
  /// A regular expression that the log must not contain.
  var unwantedInLog: String?
  /// How each start of the binary must have ended.
  var verdict: SmokeReport.Verdict?
  /// Seconds after which the attempt must have ended, on a machine of usual speed.
  var seconds: Double?
  var limits: LoweredLimits?
  var measure: Measure?
  /// Libraries that the binary may need beside those of the target's policy.
  var needed: [String]?
  var smoke: [SmokeTest]?
  /// Symbolic links to put into the archive: path and destination.
  var links: [String: String]?
  /// What is different for some targets, by a pattern such as `*-musl`.
  var targets: [String: Elsewhere]?

  struct LoweredLimits: Decodable, Sendable {
    var memoryMiB: Int64?
    var diskMiB: Int64?
    var logKiB: Int64?
    var processes: Int?
    /// On a machine of usual speed.
    var seconds: Int?
  }

  /// A number that the crate writes to `/build/target/measured`.
  struct Measure: Decodable, Sendable {
    var unit: String
    var atMost: Int
  }

  struct Elsewhere: Decodable, Sendable {
    var outcome: String
    var message: String?
  }

  static let unreadable = Fate(about: "has no readable fate.json", outcome: "a fate.json")

  /// The fate on one target.
  func onTarget(_ triple: String) -> Fate {
    guard let elsewhere = targets?.first(where: { fnmatch($0.key, triple, 0) == 0 })?.value else {
      return self
    }
    var fate = self
    (fate.outcome, fate.message) = (elsewhere.outcome, elsewhere.message)
    return fate
  }
}
