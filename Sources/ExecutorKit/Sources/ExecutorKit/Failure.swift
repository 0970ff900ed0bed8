/// Why an attempt failed, in the words that the database, the API and the pages use.
public enum FailureClass: String, Codable, Sendable, CaseIterable {
  /// A source could not be downloaded or did not have its checksum.
  case fetch
  /// `Cargo.lock` is malformed, does not match, or names sources that the farm does not build from.
  case lockfile
  /// The crate has no binary under this plan.
  case noBinaries = "no-binaries"
  case compile
  case link
  /// The binary is not what the target promises (architecture, interpreter, libraries, glibc).
  case inspection
  /// The binary does not start, or does not answer as the recipe expects.
  case smoke
  case timeout
  case outOfMemory = "out-of-memory"
  case diskFull = "disk-full"
  case logLimit = "log-limit"
  /// The builder's fault: engine away, image not made, module crashed.
  case infrastructure
  /// The builder went away while it held the lease.
  case leaseLost = "lease-lost"
  case cancelled
}

/// An attempt's failure: its class for the scheduler and a message for people.
public struct ExecutorFailure: Error, Codable, Sendable, Equatable, CustomStringConvertible {
  public var failureClass: FailureClass
  /// What went wrong and, where there is one, the remedy. One line where possible.
  public var message: String

  public init(_ failureClass: FailureClass, _ message: String) {
    self.failureClass = failureClass
    self.message = message
  }

  public var description: String { "\(failureClass.rawValue): \(message)" }
}
