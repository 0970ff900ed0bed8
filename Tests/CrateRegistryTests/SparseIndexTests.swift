import CrateRegistry
import FarmModel
import Testing
import Transfer

@Suite(.timeLimit(.minutes(1)))
struct SparseIndexTests {
  private let client = TransferClient()

  @Test("a crate's file is fetched once and then only asked after")
  func conditional() async throws {
    try await withServer { request, connection in
      guard request.target == "/index/fo/ob/foobar" else { return connection.answer(404) }
      if request.headers["if-none-match"] == "\"1\"" { return connection.answer(304) }
      if request.headers["if-modified-since"] == "then" { return connection.answer(304) }
      connection.answer(200, headers: ["ETag": "\"1\"", "Last-Modified": "then"], "lines")
    } test: { server in
      let index = try SparseIndex(url: "sparse+\(server.url)/index", client: client)
      let foobar = try name("FooBar")
      let expected = IndexAnswer.changed(
        bytes: Array("lines".utf8), etag: "\"1\"", lastModified: "then")
      #expect(try await index.fetch(foobar) == expected)
      #expect(try await index.fetch(foobar, ifNoneMatch: "\"1\"") == .notModified)
      #expect(try await index.fetch(foobar, ifModifiedSince: "then") == .notModified)
      #expect(try await index.fetch(foobar, ifNoneMatch: "\"0\"") == expected)
      #expect(try await index.fetch(try name("other")) == .missing)
    }
  }

  @Test("the configuration is read from config.json")
  func configuration() async throws {
    try await withServer {
      $1.answer(200, #"{"dl":"http://h\#($0.target)"}"#)
    } test: { server in
      let index = try SparseIndex(url: "sparse+\(server.url)/index/", client: client)
      let configuration = try await index.configuration()
      #expect(configuration.download.text == "http://h/index/config.json")
    }
  }

  @Test("a failing server is named with its status")
  func failing() async throws {
    try await withServer {
      $1.answer(500)
    } test: { server in
      let index = try SparseIndex(url: "sparse+\(server.url)/", client: client, retries: once)
      let error = await failure { try await index.fetch(try name("foobar")) }
      #expect(error == .status(url: server.url + "/fo/ob/foobar", status: 500))
      #expect(error?.isTransient == true)
    }
  }

  @Test(
    "other URLs are refused",
    arguments: ["https://index.crates.io/", "sparse+file:///x", "sparse+https://", "git+https://x"])
  func urls(url: String) {
    #expect(throws: RegistryError.badIndexURL(url)) { try SparseIndex(url: url, client: client) }
  }
}
