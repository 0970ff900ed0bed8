import Blocking
import Glibc

/// A private PostgreSQL for one directory: a Unix socket and no TCP, for one machine and one user.
///
/// Whoever can enter the socket's directory (mode 0700: the server's user, and root) is trusted and
/// is the superuser `buildsrs`. PostgreSQL refuses to run as root; root's clusters run as the user
/// `postgres`. Where that user cannot enter the directory (a clone in a home directory, say), the
/// data is in `/var/lib/buildsrs/`, and a file `location` in the directory says where.
public struct EmbeddedCluster: Sendable {
  /// The role and the database that the farm uses.
  static let name = "buildsrs"

  /// The directory as it was given, made absolute.
  public let directory: String
  let durable: Bool

  /// Touches nothing yet.
  ///
  /// - Parameters:
  ///   - directory: made when it is missing; its data stays until somebody deletes it.
  ///   - durable: false for tests: a crash of the machine loses data.
  public init(directory: String, durable: Bool = true) {
    self.directory = Self.absolute(directory)
    self.durable = durable
  }

  /// Starts the server and waits until it answers; makes the data on first use, and the database
  /// `buildsrs` when it is absent. Does nothing when the server runs. Several may start at once.
  ///
  /// - Throws: `EmbeddedClusterError`; `PostgresError`.
  public func start() async throws {
    try await locked { try $0.start() }
  }

  /// Stops the server, open transactions are rolled back; does nothing when it does not run.
  ///
  /// - Throws: `EmbeddedClusterError`.
  public func stop() async throws {
    try await locked { try $0.stop() }
  }

  /// Whether the server of this directory runs.
  public var isRunning: Bool {
    get async throws { try await locked { $0.runningServer() != nil } }
  }

  /// The address of the database `buildsrs`, whether the server runs or not.
  ///
  /// - Throws: `EmbeddedClusterError`.
  public var address: PostgresAddress {
    get async throws { try await locked { $0.address } }
  }

  /// The same as a libpq URI.
  ///
  /// - Throws: `EmbeddedClusterError`.
  public var url: String {
    get async throws { try await address.connectionString }
  }

  /// Has a small process of its own stop the server at once and delete `directory` when this
  /// process ends, however it ends. For tests.
  package func removeWhenThisProcessEnds() async throws {
    try await locked { try $0.startGuard(removing: directory) }
  }

  /// Runs `work` on a thread of its own, while nobody else works on the cluster.
  private func locked<Result: Sendable>(
    _ work: @escaping @Sendable (ClusterControl) throws -> Result
  ) async throws -> Result {
    try await offCooperativePool { [directory, durable] in
      let lock = try DirectoryLock(directory)
      defer { lock.release() }
      return try work(try ClusterControl(directory: directory, durable: durable))
    }
  }

  private static func absolute(_ path: String) -> String {
    if path.hasPrefix("/") { return path }
    guard let current = getcwd(nil, 0) else { return path }
    defer { free(current) }
    return "\(String(cString: current))/\(path)"
  }
}

/// `DIR/lock`, held by flock(2): it is let go when its process ends, too.
struct DirectoryLock {
  private let descriptor: Int32

  /// Makes the directory when it is missing, and waits for the lock.
  init(_ directory: String) throws {
    try Self.makeDirectories(directory)
    let path = "\(directory)/lock"
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw ServerUser.systemError(path) }
    while flock(descriptor, LOCK_EX) != 0 {
      guard errno == EINTR else {
        let error = ServerUser.systemError(path)
        close(descriptor)
        throw error
      }
    }
  }

  func release() { close(descriptor) }

  static func makeDirectories(_ path: String) throws {
    var status = stat()
    if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { return }
    let parent = path.split(separator: "/").dropLast().joined(separator: "/")
    if !parent.isEmpty { try makeDirectories("/\(parent)") }
    guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw ServerUser.systemError(path) }
  }
}
