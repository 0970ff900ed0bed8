public import ExecutorKit

/// The name of one command's control group: `buildsrs/<owner>/<job>-<attempt>-<process>-<number>`.
///
/// Owner, job and attempt tell a sweep whose it is. The executor host's process and a running number
/// keep commands apart that run at once.
public struct GroupName: Sendable, Equatable {
  public var identity: AttemptIdentity
  var process: Int32
  var number: Int

  init(identity: AttemptIdentity, process: Int32, number: Int) {
    self.identity = identity
    self.process = process
    self.number = number
  }

  /// The last part of the path.
  var leaf: String { "\(identity.job)-\(identity.attempt)-\(process)-\(number)" }

  /// Reads ``leaf``; nil for a folder that is none of ours.
  init?(owner: String, leaf: String) {
    let parts = leaf.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 4, let job = Int64(parts[0]), let attempt = Int32(parts[1]),
      let process = Int32(parts[2]), let number = Int(parts[3])
    else { return nil }
    self.init(
      identity: AttemptIdentity(owner: owner, job: job, attempt: attempt), process: process,
      number: number)
  }

  /// Whether an owner can be part of a path: a public key's digits or `local`.
  static func isOwner(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 64
      && text.utf8.allSatisfy {
        (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || $0 == 45
          || $0 == 95
      }
  }
}
