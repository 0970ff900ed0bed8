import Foundation
import Testing
import Transfer

@Suite(.timeLimit(.minutes(1)))
struct PerformTests {
  @Test("a GET returns status, headers in any case, and body")
  func get() async throws {
    try await withServer {
      $1.answer(200, headers: ["ETag": "\"1\""], "\($0.target) body")
    } test: {
      let response = try await TransferClient().perform(TransferRequest(url: $0.url + "/a?b=c"))
      #expect(response.status == 200)
      #expect(response.headers["etag"] == "\"1\"")
      #expect(text(response.body) == "/a?b=c body")
    }
  }

  @Test("the request carries its own headers, the user agent and none of libcurl's defaults")
  func requestHeaders() async throws {
    try await withServer { request, connection in
      let headers = request.headers.filter { $0.key != "host" }
      connection.answer(200, headers.map { "\($0)=\($1)" }.sorted().joined(separator: " "))
    } test: { server in
      let request = TransferRequest(
        method: "POST", url: server.url, headers: ["X-Empty": "", "X-One": "1"], body: .bytes([65]))
      let response = try await TransferClient().perform(request)
      #expect(
        text(response.body)
          == "accept=*/* content-length=1 user-agent=builds.rs/0.1 x-empty= x-one=1")
    }
  }

  @Test("statuses from 400 on are answers")
  func errorStatus() async throws {
    try await withServer {
      $1.answer(404, "gone")
    } test: { server in
      let response = try await TransferClient().perform(TransferRequest(url: server.url))
      #expect(response.status == 404)
      #expect(text(response.body) == "gone")
    }
  }

  @Test("a POST without a body says that its length is 0")
  func emptyPost() async throws {
    try await withServer {
      $1.answer(200, $0.method + ($0.headers["content-length"] ?? "-"))
    } test: {
      let request = TransferRequest(method: "POST", url: $0.url)
      let response = try await TransferClient().perform(request)
      #expect(text(response.body) == "POST0")
    }
  }

  @Test("a file is streamed as the body with its length")
  func upload() async throws {
    let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    try await withFolder { folder in
      try Data(bytes).write(to: URL(fileURLWithPath: folder + "/body"))
      try await withServer {
        $1.answer($0.body == bytes ? 201 : 400, $0.method)
      } test: { server in
        let request = TransferRequest(
          method: "PUT", url: server.url, body: .file(path: folder + "/body"))
        let response = try await TransferClient().perform(request)
        #expect(response.status == 201)
        #expect(text(response.body) == "PUT")
      }
    }
  }

  @Test("a file that is not there is named in the error")
  func missingUpload() async throws {
    let request = TransferRequest(
      method: "PUT", url: "http://127.0.0.1:9/", body: .file(path: "/nowhere/file"))
    let error = await failure { try await TransferClient().perform(request) }
    #expect(
      error?.description
        == "PUT http://127.0.0.1:9/: cannot read /nowhere/file: No such file or directory")
  }

  @Test("an unchanged answer comes back as 304 to a conditional request")
  func conditional() async throws {
    try await withServer { request, connection in
      let same = request.headers["if-none-match"] == "\"7\""
      same ? connection.answer(304) : connection.answer(200, headers: ["ETag": "\"7\""], "x")
    } test: { server in
      let client = TransferClient()
      let first = try await client.perform(TransferRequest(url: server.url))
      let tag = try #require(first.headers["ETag"])
      let request = TransferRequest(url: server.url, headers: ["If-None-Match": tag])
      #expect(try await client.perform(request).status == 304)
    }
  }

  @Test("a body over the limit is refused, announced or not")
  func limit() async throws {
    try await withServer { request, connection in
      if request.target == "/announced" { return connection.answer(200, "12345678901") }
      _ = connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n12345678901")
      connection.end()
    } test: { server in
      for path in ["/announced", "/open"] {
        let request = TransferRequest(url: server.url + path, responseLimit: 10)
        let error = await failure { try await TransferClient().perform(request) }
        #expect(error?.kind == .tooLarge(limit: 10))
      }
      let fits = TransferRequest(url: server.url + "/open", responseLimit: 11)
      let whole = try await TransferClient().perform(fits)
      #expect(whole.body.count == 11)
    }
  }

  @Test("connections are used again, also over a Unix socket")
  func reuse() async throws {
    try await withFolder { folder in
      let socket = folder + "/s"
      try await withServer(unixSocket: socket) {
        $1.answer(200, "\($1.descriptor)")
      } test: { _ in
        let client = TransferClient()
        var answers: Set<String> = []
        for _ in 0..<20 {
          let request = TransferRequest(url: "http://docker/v1.41/info", unixSocket: socket)
          answers.insert(text(try await client.perform(request).body))
        }
        #expect(answers.count == 1)
      }
    }
  }

  @Test(
    "what must not be sent twice is not, where libcurl would do so by itself",
    arguments: [true, false])
  func freshConnection(isFresh: Bool) async throws {
    let (bodies, came) = AsyncStream.makeStream(of: String.self)
    try await withServer { request, connection in
      guard request.method == "POST" else { return connection.answer(200) }
      // The server has it, and dies.
      came.yield(text(request.body))
      connection.end()
    } test: { server in
      let client = TransferClient()
      _ = try await client.perform(TransferRequest(url: server.url))
      var request = TransferRequest(method: "POST", url: server.url, body: .bytes([97]))
      request.usesFreshConnection = isFresh
      let wanted = request
      #expect(await failure { try await client.perform(wanted) } != nil)
    }
    came.finish()
    let sent = await bodies.reduce(into: "") { $0 += $1 }
    #expect(sent == (isFresh ? "a" : "aa"))
  }

  @Test("a host gets no more connections than configured")
  func connectionBound() async throws {
    try await withServer {
      $1.answer(200, "\($1.descriptor)")
    } test: { server in
      let client = TransferClient(configuration: .init(maximumConnectionsPerHost: 2))
      let seen = try await withThrowingTaskGroup(of: String.self) { group in
        for _ in 0..<40 {
          group.addTask {
            text(try await client.perform(TransferRequest(url: server.url)).body)
          }
        }
        return try await group.reduce(into: Set<String>()) { $0.insert($1) }
      }
      #expect((1...2).contains(seen.count))
    }
  }

  @Test("redirects are followed for GET, kept for POST, and end after five")
  func redirects() async throws {
    try await withServer { request, connection in
      let step = Int(request.target.dropFirst()) ?? 0
      if step == 0 { return connection.answer(200, "arrived") }
      connection.answer(302, headers: ["Location": "/\(step - 1)"], "moved")
    } test: { server in
      let client = TransferClient()
      let followed = try await client.perform(TransferRequest(url: server.url + "/5"))
      #expect(text(followed.body) == "arrived")
      let kept = TransferRequest(method: "POST", url: server.url + "/5")
      #expect(try await client.perform(kept).status == 302)
      let error = await failure {
        try await client.perform(TransferRequest(url: server.url + "/6"))
      }
      guard case .other(47, _) = error?.kind else {
        Issue.record("expected too many redirects, got \(String(describing: error))")
        return
      }
    }
  }

  @Test("a redirect to a file is not followed")
  func redirectToFile() async throws {
    try await withServer {
      $1.answer(302, headers: ["Location": "file:///etc/passwd"], "")
    } test: {
      let url = $0.url
      let error = await failure { try await TransferClient().perform(TransferRequest(url: url)) }
      guard case .other(1, _) = error?.kind else {
        Issue.record("expected a refused protocol, got \(String(describing: error))")
        return
      }
    }
  }

  @Test("programs that are started meanwhile do not inherit the connection")
  func closesOnExec() async throws {
    try await withServer { _, connection in
      let flags = clientDescriptor(of: connection).map { fcntl($0, F_GETFD) }
      connection.answer(200, "\(flags ?? -1)")
    } test: { server in
      let answer = try await TransferClient().perform(TransferRequest(url: server.url))
      #expect(text(answer.body) == "\(FD_CLOEXEC)")
    }
  }
}

/// The other end of a connection within this process.
private func clientDescriptor(of connection: ServerConnection) -> Int32? {
  func port(
    _ descriptor: Int32,
    _ ask: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
  ) -> UInt16? {
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { ask(descriptor, $0, &length) }
    }
    return result == 0 && address.sin_family == AF_INET ? address.sin_port : nil
  }
  let wanted = (
    port(connection.descriptor) { getpeername($0, $1, $2) },
    port(connection.descriptor) { getsockname($0, $1, $2) }
  )
  let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
  return names.compactMap { Int32($0) }.first { descriptor in
    port(descriptor) { getsockname($0, $1, $2) } == wanted.0
      && port(descriptor) { getpeername($0, $1, $2) } == wanted.1
  }
}
