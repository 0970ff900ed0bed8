public import CrateRegistry

/// Why a sync ended before it was through. What the backend has acknowledged until then is kept; the
/// rest is sent by the next sync.
public enum SyncError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The index as a whole cannot be read.
  case registry(RegistryError)
  /// Neither `--crate` nor `--crates-file` names a crate, which a sparse index cannot do either.
  case noCrates
  /// The file with the names cannot be read.
  case cratesFile(path: String, reason: String)
  /// The backend does not take the token.
  case unauthorized(url: String, status: Int)
  /// The backend does not answer, or answers that it cannot now.
  case backendAway(url: String, reason: String)
  /// The backend refuses the lines.
  case rejected(url: String, status: Int, detail: String)
  /// The backend does not know the routes that this sync needs.
  case oldBackend(url: String)
  /// Another registry sync has the lease now, or may have it.
  case leaseLost(reason: String)
  /// So many crates, or versions of crates that are there, are missing from the index that none of them was
  /// marked deleted.
  ///
  /// - `gone`: how many; `isWhole`: it counts all of them, else there may be more.
  /// - `known`: how many there were or were looked for; `limit`: how many one sync may mark.
  case massDeletion(of: Deleted, gone: Int, isWhole: Bool, known: Int, limit: Int)
  /// The state file cannot be written.
  case state(path: String, reason: String)
  /// The sync was stopped.
  case cancelled

  /// What an index lacks.
  public enum Deleted: Sendable, Equatable {
    /// Whole crates.
    case crates
    /// Versions of crates whose other versions are there.
    case versions
  }

  /// Whether only an operator can help: no use in trying again.
  public var isFatal: Bool {
    switch self {
    case .registry(.badIndexURL), .registry(.badGitURL), .noCrates, .unauthorized: true
    default: false
    }
  }

  /// Whether another sync may be active.
  var isLeaseLost: Bool {
    if case .leaseLost = self { true } else { false }
  }

  /// Whether what was sent may be kept even so, perhaps later.
  var leavesOpen: Bool {
    switch self {
    case .backendAway, .cancelled: true
    default: false
    }
  }

  /// Whether the backend found fault with the lines themselves, rather than with the request.
  var isAboutLines: Bool {
    guard case .rejected(_, let status, _) = self else { return false }
    return [400, 413, 422].contains(status)
  }

  public var description: String {
    switch self {
    case .registry(let error): "cannot read the registry: \(error)"
    case .noCrates:
      "no crates to follow; name them with --crate or --crates-file (a git index lists them itself)"
    case .cratesFile(let path, let reason): "cannot read the crates file \(path): \(reason)"
    case .unauthorized(let url, let status):
      "\(url) refuses the token (status \(status)); give the registry sync and the backend the same "
        + "registry-token-file"
    case .backendAway(let url, let reason): "the backend at \(url) is away: \(reason)"
    case .rejected(let url, let status, let detail):
      "\(url) refuses the lines (status \(status)): \(detail)"
    case .oldBackend(let url):
      "\(url) is unknown there: the backend is older than this registry sync, or "
        + "backend-url is not a backend of builds.rs"
    case .leaseLost(let reason): "the registry sync's lease is lost: \(reason)"
    case .massDeletion(let kind, let gone, let isWhole, let known, let limit):
      "the index lacks \(isWhole ? "" : "at least ")\(gone) of \(known) "
        + (kind == .crates ? "crates" : "versions (of crates that it has)")
        + ", and one sync marks at most \(limit) deleted; none was. Where the registry has really removed "
        + "them, sync once with "
        + "--allow-mass-deletion (BUILDSRS_ALLOW_MASS_DELETION=on)"
    case .state(let path, let reason): "cannot write \(path): \(reason)"
    case .cancelled: "the sync was stopped"
    }
  }
}
