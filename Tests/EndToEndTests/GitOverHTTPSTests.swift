import Foundation
import LocalFarm
import TestSupport
import Testing
import Transfer

@Suite("A git index over HTTPS", .timeLimit(.minutes(3)))
struct GitOverHTTPSTests {
  @Test("is followed where git trusts its certificate, and not where it does not")
  func follow() async throws {
    try await TestFarm.with(
      targets: [KillTests.triple: TestFarm.fakeTarget()], modules: ["libFakeExecutor.so"]
    ) { test in
      try test.registry.publishSimple("one")
      try test.registry.publishSimple("two")
      let api = try await test.start()
      let repository = try await GitRepository()
      try await repository.commit([
        "config.json": try await Self.configuration(test),
        "3/o/one": try Self.line(of: "one", test),
      ])
      let certificate = try await Self.certificate(in: test.directory)
      try await Self.serve(repository, certificate, test) { url in
        let stranger = try Self.sync(test, url, api.origin, environment: [:])
        #expect(await stranger.ending() == 1)
        #expect(
          stranger.lastLines().contains("git clone: ")
            && stranger.lastLines().contains("certificate"), "\(stranger.lastLines())")
        #expect(try await Self.crate("one", api) == nil)

        let trust = ["GIT_SSL_CAINFO": certificate.path]
        let first = try Self.sync(test, url, api.origin, environment: trust)
        #expect(await first.ending() == 0, "\(first.lastLines())")
        #expect(try await Self.crate("one", api) != nil)
        #expect(try await test.job(api, "one", KillTests.triple) > 0)

        // Another commit, whose history is of one commit, as that of crates.io is now and then.
        try await repository.commit(
          [
            "config.json": try await Self.configuration(test),
            "3/t/two": try Self.line(of: "two", test),
          ], isRoot: true)
        let next = try Self.sync(test, url, api.origin, environment: trust)
        #expect(await next.ending() == 0, "\(next.lastLines())")
        #expect(try await test.job(api, "two", KillTests.triple) > 0)
        #expect(
          try await api.crate("one").newestVersion == nil, "it is not in the index any more")
      }
    }
  }

  private static func crate(_ name: String, _ api: FarmAPI) async throws -> String? {
    try? await api.crate(name).newestVersion
  }

  private static func line(of crate: String, _ test: TestFarm) throws -> String {
    try String(contentsOfFile: test.registry.indexPath(crate), encoding: .utf8)
  }

  private static func configuration(_ test: TestFarm) async throws -> String {
    let client = TransferClient()
    defer { client.shutdown() }
    let registry = try #require(await test.farm.registryAddress)
    let answer = try await client.perform(TransferRequest(url: registry + "config.json"))
    return String(decoding: answer.body, as: UTF8.self)
  }

  private struct Certificate {
    let path: String
    let key: String
  }

  /// A certificate of this test's own, for 127.0.0.1, which nobody has signed but itself.
  private static func certificate(in directory: String) async throws -> Certificate {
    let made = Certificate(path: directory + "/certificate.pem", key: directory + "/key.pem")
    let openssl = try ChildProcess(
      "openssl",
      [
        "/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
        "subjectAltName=IP:127.0.0.1", "-keyout", made.key, "-out", made.path,
      ], directory: directory + "/logs")
    #expect(await openssl.ending() == 0, "\(openssl.lastLines())")
    return made
  }

  /// Serves a repository while a body runs, which is given the index's URL.
  private static func serve(
    _ repository: GitRepository, _ certificate: Certificate, _ test: TestFarm,
    _ body: (String) async throws -> Void
  ) async throws {
    let folder = URL(filePath: repository.folder)
    let server = try ChildProcess(
      "git-server",
      [
        "/usr/bin/python3", Checkout.root + "/scripts/tests/serve_git.py",
        folder.deletingLastPathComponent().path, certificate.path, certificate.key,
      ], directory: test.directory + "/logs")
    let result: Result<Void, any Error>
    do {
      try await body(
        "git+https://127.0.0.1:\(try await server.firstLine())/\(folder.lastPathComponent)")
      result = .success(())
    } catch { result = .failure(error) }
    await server.stop()
    try result.get()
  }

  private static func sync(
    _ test: TestFarm, _ url: String, _ backend: String, environment: [String: String]
  ) throws -> ChildProcess {
    let state = test.farm.layout.stateDirectory
    return try ChildProcess(
      "sync",
      [
        TestPrograms.program("buildsrs"), "registry-sync", "--once", "--registry-url", url,
        "--backend-url", backend, "--registry-token-file", "\(state)/registry.token",
        "--state-directory", state,
      ], environment: environment, directory: "\(state)/logs")
  }
}
