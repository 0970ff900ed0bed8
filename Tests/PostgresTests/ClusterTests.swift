import Foundation
import Testing

@testable import Postgres

@Suite("EmbeddedCluster", .timeLimit(.minutes(2))) struct ClusterTests {
  /// A cluster in a directory of its own, below one that only its owner may enter, when it has a
  /// name; all is gone afterwards.
  private func withCluster(
    belowPrivate name: String = "", _ body: (EmbeddedCluster) async throws -> Void
  ) async throws {
    try await withTemporaryDirectory { directory in
      if !name.isEmpty { try #require(chmod(directory, 0o700) == 0) }
      let cluster = EmbeddedCluster(directory: "\(directory)/\(name)data", durable: false)
      defer { removeElsewhere(cluster) }
      do {
        try await cluster.removeWhenThisProcessEnds()
        try await body(cluster)
        try await cluster.stop()
      } catch {
        try? await cluster.stop()
        throw error
      }
    }
  }

  /// What the cluster keeps outside its directory.
  private func removeElsewhere(_ cluster: EmbeddedCluster) {
    let pointer = "\(cluster.directory)/location"
    guard let home = try? String(contentsOfFile: pointer, encoding: .utf8) else { return }
    try? FileManager.default.removeItem(atPath: trimmed(home))
  }

  @Test("starting twice, at once too, and stopping twice are fine; the data stays")
  func startAndStop() async throws {
    try await withCluster { cluster in
      #expect(try await !cluster.isRunning)
      try await cluster.stop()
      async let first: Void = cluster.start()
      async let second: Void = cluster.start()
      _ = try await (first, second)
      try await cluster.start()
      #expect(try await cluster.isRunning)

      let address = try PostgresAddress(try await cluster.url)
      #expect(address.database == "buildsrs")
      try await PostgresConnection(connecting: address).execute("CREATE TABLE kept (id int)")
      try await cluster.stop()
      try await cluster.stop()
      #expect(try await !cluster.isRunning)
      try await cluster.start()
      let connection = try await PostgresConnection(connecting: address)
      #expect(try await connection.query("SELECT FROM kept").isEmpty)
      #expect(
        try await connection.query("SHOW listen_addresses").single().text("listen_addresses") == "")
    }
  }

  @Test("its programs inherit none of this process's descriptors")
  func inheritsNothing() throws {
    // Without O_CLOEXEC, as the sockets of other libraries.
    let descriptor = fcntl(STDERR_FILENO, F_DUPFD, 700)
    defer { close(descriptor) }
    let script = "for name in /proc/$$/fd/*; do echo ${name##*/}; done"
    let outcome = try Command(arguments: ["sh", "-c", script]).run()
    #expect(outcome.output.split(separator: "\n").starts(with: ["0", "1", "2"]))
    #expect(!outcome.output.split(separator: "\n").contains("\(descriptor)"))
  }

  @Test("it starts below a directory that only its owner may enter, and where paths are long")
  func unreachable() async throws {
    let name = String(repeating: "long", count: 30) + "/"
    try await withCluster(belowPrivate: name) { cluster in
      try await cluster.start()
      let connection = try await PostgresConnection(connecting: try await cluster.address)
      #expect(
        try await connection.query("SHOW server_encoding").single().text("server_encoding")
          == "UTF8")
      #expect(try await EmbeddedCluster(directory: cluster.directory).isRunning)
    }
  }

  @Test("a server that does not start says why")
  func brokenData() async throws {
    try await withCluster { cluster in
      try await cluster.start()
      try await cluster.stop()
      let control = try ClusterControl(directory: cluster.directory, durable: false)
      try "nonsense = on\n".write(
        toFile: "\(control.layout.data)/postgresql.auto.conf", atomically: true, encoding: .utf8)
      let error = await #expect(throws: EmbeddedClusterError.self) { try await cluster.start() }
      #expect(error?.description.contains("unrecognized configuration parameter") == true)
    }
  }

  @Test("the socket's directory moves to /tmp when its path is too long or has odd characters")
  func socketDirectory() {
    #expect(ClusterLayout.socketDirectory(home: "/srv/farm") == "/srv/farm/socket")
    let limit = "/" + String(repeating: "x", count: 107 - 1 - "/socket/.s.PGSQL.5432".utf8.count)
    #expect(ClusterLayout.socketDirectory(home: limit) == "\(limit)/socket")
    for home in [limit + "x", "/srv/my farm", "/srv/a,b", "/srv/o'b"] {
      let directory = ClusterLayout.socketDirectory(home: home)
      #expect(directory == "/tmp/buildsrs-\(ClusterLayout.hash(home))")
      #expect(directory.utf8.count == 30)
    }
  }

  @Test("the newest installed server makes new data, the same version serves old data")
  func versions() {
    #expect(ServerBinaries.choose(nil, of: ["9.6", "9", "15", "16"]) == "16")
    #expect(ServerBinaries.choose("15", of: ["15", "16"]) == "15")
    #expect(ServerBinaries.choose("14", of: ["15", "16"]) == nil)
    #expect(ServerBinaries.choose(nil, of: []) == nil)
    #expect(
      EmbeddedClusterError.noBinaries(version: nil, directory: "/d").description
        .hasSuffix("apt-get install postgresql"))
  }
}
