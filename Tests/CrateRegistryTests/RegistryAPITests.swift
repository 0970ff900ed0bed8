import CrateRegistry
import FarmModel
import Testing
import Transfer

@Suite("A registry's web API", .timeLimit(.minutes(1)))
struct RegistryAPITests {
  private let client = TransferClient()

  @Test("tells binaries, downloads and what the crate is")
  func crate() async throws {
    try await withServer { request, connection in
      guard request.target == "/api/v1/crates/foo" else { return connection.answer(404) }
      connection.answer(
        200,
        """
        {"crate":{"id":"foo","downloads":12,"recent_downloads":3,"description":"d","repository":null},
        "versions":[{"num":"1.1.0","bin_names":["a","b"]},{"num":"1.0.0","bin_names":[]},
        {"num":"0.9.0","bin_names":null},{"num":"0.8.0"},{"num":"0.7.0","bin_names":[null]}]}
        """)
    } test: { server in
      let api = RegistryAPI(base: server.url + "/", client: client, interval: .zero)
      let crate = try #require(try await api.crate(try name("foo")))
      #expect(crate.downloads == 12 && crate.recentDownloads == 3)
      #expect(crate.description == "d" && crate.repository == nil)
      #expect(crate.binaries == ["1.1.0": ["a", "b"], "1.0.0": [], "0.7.0": [""]])
      #expect(try await api.crate(try name("other")) == nil)
    }
  }

  @Test("tells the most downloaded crates page by page")
  func mostDownloaded() async throws {
    try await withServer { request, connection in
      switch request.target {
      case "/api/v1/crates?sort=downloads&per_page=100":
        connection.answer(
          200,
          """
          {"crates":[{"id":"a","name":"A-b","downloads":9,"recent_downloads":1},
          {"name":"../x","downloads":8},{"name":"c","downloads":7}],
          "meta":{"next_page":"?sort=downloads&seek=x%3D","total":4}}
          """)
      case "/api/v1/crates?sort=downloads&seek=x%3D":
        connection.answer(200, #"{"crates":[],"meta":{"next_page":"//elsewhere/?#"}}"#)
      default: connection.answer(404)
      }
    } test: { server in
      let api = RegistryAPI(base: server.url, client: client, interval: .zero)
      let first = try await api.mostDownloaded()
      #expect(first.crates.map { "\($0.name) \($0.downloads)" } == ["A-b 9", "c 7"])
      let second = try await api.mostDownloaded(page: first.next)
      #expect(second.crates.isEmpty && second.next == nil)
      let error = await failure { try await api.mostDownloaded(page: "?x") }
      #expect(error == .status(url: server.url + "/api/v1/crates?x", status: 404))
    }
  }

  @Test("another answer is an error")
  func noAnswer() async throws {
    try await withServer { request, connection in
      connection.answer(request.target.hasSuffix("/a") ? 200 : 403, "<html>")
    } test: { server in
      let api = RegistryAPI(base: server.url, client: client, interval: .zero)
      let url = server.url + "/api/v1/crates/"
      #expect(
        await failure { try await api.crate(try name("a")) }
          == .badConfiguration(
            url: url + "a", reason: "the answer is none of crates.io's web API"))
      #expect(
        await failure { try await api.crate(try name("b")) }
          == .status(url: url + "b", status: 403))
    }
  }

  @Test("is asked once in each interval, whoever asks")
  func pace() async throws {
    try await withServer { _, connection in
      connection.answer(404)
    } test: { server in
      let api = RegistryAPI(base: server.url, client: client, interval: .milliseconds(100))
      let foo = try name("foo")
      let begin = ContinuousClock.now
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<4 { group.addTask { _ = try await api.crate(foo) } }
        try await group.waitForAll()
      }
      #expect(begin.duration(to: .now) >= .milliseconds(300))
    }
  }
}
