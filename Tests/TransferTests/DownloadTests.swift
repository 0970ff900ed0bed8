import Foundation
import Testing
import Transfer

@Suite(.timeLimit(.minutes(1)))
struct DownloadTests {
  @Test("a download writes the body into the file")
  func download() async throws {
    let bytes = (0..<2_000_000).map { UInt8(truncatingIfNeeded: $0 &* 17) }
    try await withFolder { folder in
      try await withServer {
        $1.answer(200, bytes)
      } test: { server in
        let path = folder + "/file"
        let response = try await TransferClient().download(
          TransferRequest(url: server.url), to: path)
        #expect(response.status == 200)
        #expect(response.body.isEmpty)
        #expect(FileManager.default.contents(atPath: path) == Data(bytes))
      }
    }
  }

  @Test("an empty answer makes an empty file")
  func empty() async throws {
    try await withFolder { folder in
      try await withServer {
        $1.answer(200)
      } test: { server in
        let path = folder + "/file"
        _ = try await TransferClient().download(TransferRequest(url: server.url), to: path)
        #expect(FileManager.default.contents(atPath: path) == Data())
      }
    }
  }

  @Test("an error page is in the answer and not in the file")
  func notFound() async throws {
    try await withFolder { folder in
      try await withServer {
        $1.answer(404, "no such crate")
      } test: { server in
        let path = folder + "/file"
        let response = try await TransferClient().download(
          TransferRequest(url: server.url), to: path)
        #expect(response.status == 404)
        #expect(text(response.body) == "no such crate")
        #expect(!FileManager.default.fileExists(atPath: path))
      }
    }
  }

  @Test("a download that breaks off or is too large leaves no file", arguments: [100, 5])
  func broken(limit: Int) async throws {
    try await withFolder { folder in
      try await withServer { _, connection in
        _ = connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        _ = connection.send("9\r\nabcdef")
        connection.end()
      } test: { server in
        let path = folder + "/file"
        let request = TransferRequest(url: server.url, responseLimit: limit)
        #expect(await failure { try await TransferClient().download(request, to: path) } != nil)
        #expect(!FileManager.default.fileExists(atPath: path))
      }
    }
  }

  @Test("a cancelled download leaves no file")
  func cancelled() async throws {
    let sent = Signal()
    try await withFolder { folder in
      try await withServer { _, connection in
        _ = connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        sent.fire()
        connection.waitForClose()
      } test: { server in
        let path = folder + "/file"
        let client = TransferClient()
        let task = Task {
          try await client.download(TransferRequest(url: server.url), to: path)
        }
        _ = await sent.wait()
        task.cancel()
        #expect(await failure { try await task.value }?.kind == .cancelled)
        #expect(!FileManager.default.fileExists(atPath: path))
      }
    }
  }

  @Test("a folder that is not there is named in the error")
  func missingFolder() async throws {
    try await withServer {
      $1.answer(200, "x")
    } test: { server in
      let error = await failure {
        try await TransferClient().download(TransferRequest(url: server.url), to: "/nowhere/file")
      }
      #expect(
        error?.kind
          == .other(code: 0, message: "cannot create /nowhere/file: No such file or directory"))
    }
  }
}
