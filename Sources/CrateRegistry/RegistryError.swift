public import Archives
public import Transfer

/// Why the registry, a crate or the crate store could not be used.
public enum RegistryError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The index URL is not `sparse+http://…` or `sparse+https://…`.
  case badIndexURL(String)
  /// The index URL is not `git+http://…`, `git+https://…` or `git+file:///…`.
  case badGitURL(String)
  /// The program `git` failed on the index's clone.
  case git(command: String, reason: String)
  /// The index's `config.json` cannot be used.
  case badConfiguration(url: String, reason: String)
  /// No (whole) answer.
  case transfer(TransferError)
  /// An answer that is neither success nor a known refusal.
  case status(url: String, status: Int)
  /// The bytes are not those that the index promised; they have been removed.
  case wrongChecksum(crate: String, expected: String, found: String)
  /// The `.crate` is damaged or dangerous.
  case archive(crate: String, ArchiveError)
  /// The `.crate` has no `Cargo.toml` at its root.
  case noManifest(crate: String)
  /// The `Cargo.toml` cannot be used.
  case manifest(crate: String, ManifestError)
  /// The `Cargo.toml` is of another package or version than the name of the `.crate` says.
  case wrongPackage(crate: String, found: String)
  /// The index has a line of the version, or one that may be its, which cannot be read.
  case indexLine(crate: String, reason: String)
  /// The crate store or a folder beside it cannot be read or written.
  case files(action: String, path: String, reason: String)

  /// What is wrong, where, and what may help, in one line.
  public var description: String {
    switch self {
    case .badIndexURL(let url):
      "registry-url '\(url)' is no sparse index; expected sparse+https://HOST/PATH/"
    case .badGitURL(let url):
      "registry-url '\(url)' is no git index; expected git+https://HOST/PATH or git+file:///PATH"
    case .git(let command, let reason): "git \(command): \(reason)"
    case .badConfiguration(let url, let reason): "\(url): \(reason)"
    case .transfer(let error): error.description
    case .status(let url, let status): "\(url): unexpected status \(status)"
    case .wrongChecksum(let crate, let expected, let found):
      "\(crate): the downloaded file has the sha256 \(found), the index says \(expected)"
    case .archive(let crate, let error): "\(crate): \(error)"
    case .noManifest(let crate): "\(crate): the archive has no Cargo.toml"
    case .manifest(let crate, let error): "\(crate): Cargo.toml: \(error)"
    case .wrongPackage(let crate, let found): "\(crate): its Cargo.toml is of \(found)"
    case .indexLine(let crate, let reason): "\(crate): index \(reason)"
    case .files(let action, let path, let reason): "cannot \(action) \(path): \(reason)"
    }
  }

  /// Whether the registry has answered, but without the bytes that its index promises: it may do so for
  /// ever.
  public var isRefusal: Bool {
    switch self {
    case .status: !isTransient
    case .wrongChecksum, .indexLine: true
    default: false
    }
  }

  /// Whether trying again later may help: the network or the registry failed, not the crate.
  public var isTransient: Bool {
    switch self {
    case .transfer(let error):
      if case .tooLarge = error.kind { false } else { true }
    case .status(_, let status): status >= 500 || status == 429
    case .files, .git: true
    default: false
    }
  }
}
