import BuildPipeline
import Foundation

/// Where the executor host is, and what its children are given.
public struct HostProgram: Sendable {
  /// `buildsrs-executor-host`.
  public var path: String
  public var environment: [String: String]
  /// How long a child has to tear down after `cancel` before it is killed.
  public var grace: Duration

  /// - Parameter environment: Nil: this process's own; only what a host needs of it is passed on.
  public init(
    path: String, environment: [String: String]? = nil,
    grace: Duration = .seconds(5)
  ) {
    self.path = path
    self.environment = Self.reduced(environment ?? ProcessInfo.processInfo.environment)
    self.grace = grace
  }

  /// `PATH`, `HOME`, `TMPDIR`, `DOCKER_HOST` and `BUILDSRS_*`: no secret of the builder's user passes.
  static func reduced(_ environment: [String: String]) -> [String: String] {
    var kept = environment.filter { name, _ in
      ["PATH", "HOME", "TMPDIR", "DOCKER_HOST"].contains(name) || name.hasPrefix("BUILDSRS_")
    }
    // A crash is told by the signal and its message; printing a backtrace takes seconds.
    kept["SWIFT_BACKTRACE"] = "enable=no"
    return kept
  }

  /// The executor host that was built or installed with this program.
  /// - Throws: ``BuilderSetupError`` where it is not beside it.
  public static func beside(executable: String) throws -> HostProgram {
    let folder = URL(filePath: executable).resolvingSymlinksInPath().deletingLastPathComponent()
    let path = folder.appending(path: "buildsrs-executor-host").path(percentEncoded: false)
    guard FileManager.default.isExecutableFile(atPath: path) else {
      throw BuilderSetupError(
        "\(path) is missing: it belongs beside buildsrs-builder; run `just build` or `just install`"
      )
    }
    return HostProgram(path: path)
  }
}

/// How a host's process ended without the answer that was asked of it.
public struct HostFailure: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Kind: Sendable, Equatable {
    /// The program could not be started.
    case notStarted
    /// Ended by a signal.
    case crashed(signal: Int32)
    /// Ended by itself without a final event.
    case ended(status: Int32)
    /// Killed because no event came for too long.
    case silent(Duration)
    /// Killed because it sent what is no event.
    case malformed
    /// The module was refused: wrong kit version, missing symbol.
    case refused
    /// Ended because it was cancelled.
    case cancelled
  }
  public var kind: Kind
  /// The last lines of its standard error, or the reason.
  public var detail: String

  public var description: String {
    let what =
      switch kind {
      case .notStarted: "the executor host could not be started"
      case .crashed(let signal): "the executor host crashed with signal \(signal)"
      case .ended(let status): "the executor host ended with status \(status) without a result"
      case .silent(let duration):
        "the executor host answered nothing for \(duration.components.seconds) s and was killed"
      case .malformed: "the executor host sent what is no event and was killed"
      case .refused: "the executor module cannot be used"
      case .cancelled: "the executor host was cancelled"
      }
    return detail.isEmpty ? what : "\(what): \(detail)"
  }
}
