import ArtifactStorage
import Backend
import BuilderProtocol
import Cryptography
import Database
import ExecutorKit
import FarmModel
import Foundation
import SimulatedBuilders
import Testing
import Transfer

@Suite("uploads of builders", .timeLimit(.minutes(2)))
struct UploadTests {
  static let bytes = Array("bytes".utf8)

  /// Runs `body` with a job that a builder holds.
  private func withJob(
    maximumBytes: Int64 = 1 << 20,
    _ body: @escaping @Sendable (BackendFarm, AssignedJob) async throws -> Void
  ) async throws {
    try await BackendFarm.with { configuration in
      configuration.maximumUploadBytes = maximumBytes
      configuration.maximumUploads = 2
    } _: { farm in
      try await farm.report([BackendFarm.registry, try BackendFarm.version("tool")])
      try await ScriptedBuilder().work(farm) { session in
        try await body(farm, try await session.assigned())
      }
      #expect(try await farm.get("/readyz").status == 200)
    }
  }

  private func stored(_ farm: BackendFarm) async throws -> Int {
    try await farm.storage.list(prefix: "uploads/", after: nil, limit: 10).count
  }

  @Test("a wrong SHA-256 is refused, and nothing is stored")
  func wrongDigest() async throws {
    try await withJob { farm, job in
      let answer = try await farm.upload(
        Self.bytes, to: "\(job.uploadURL)/\(job.archive)", token: job.uploadToken,
        digest: SHA256.digest(of: [1]))
      #expect(answer.status == 422)
      #expect(answer.json("type") == "urn:builds.rs:problem:digest-mismatch")
      #expect(answer.headers["Content-Type"] == "application/problem+json")
      #expect(try await stored(farm) == 0)
    }
  }

  @Test("a file that is too large is refused before its bytes")
  func tooLarge() async throws {
    try await withJob(maximumBytes: 4) { farm, job in
      let answer = try await farm.upload(
        Self.bytes, to: "\(job.uploadURL)/\(job.archive)", token: job.uploadToken)
      #expect(answer.status == 413)
      #expect(answer.json("detail") == "a file may have 4 bytes, this one has 5")
      #expect(try await stored(farm) == 0)
    }
  }

  @Test("an upload of a builder that is disabled is refused, and the reason told")
  func disabled() async throws {
    try await withJob { farm, job in
      _ = try await farm.database.setBuilderState("scripted", to: .disabled)
      let answer = try await farm.upload(
        Self.bytes, to: "\(job.uploadURL)/\(job.archive)", token: job.uploadToken)
      #expect(answer.status == 403)
      #expect(answer.json("type") == "urn:builds.rs:problem:builder-disabled")
      #expect(answer.json("detail").contains("buildsrs builders approve"))
      #expect(try await stored(farm) == 0)
      // Who only guesses is not told anything.
      let guess = try await farm.upload(
        Self.bytes, to: "\(job.uploadURL)/\(job.archive)", token: "guessed")
      #expect(guess.status == 401)
    }
  }

  @Test("an upload for a lost lease is stale")
  func lostLease() async throws {
    try await withJob { farm, job in
      try await farm.expire(job.job)
      let answer = try await farm.upload(
        Self.bytes, to: "\(job.uploadURL)/\(job.archive)", token: job.uploadToken)
      #expect(answer.status == 409)
      #expect(answer.json("type") == "urn:builds.rs:problem:stale-lease")
      #expect(try await stored(farm) == 0)
    }
  }

  @Test("a lease that is lost while the bytes come makes the upload stale at its end")
  func lostMeanwhile() async throws {
    try await withJob { farm, job in
      let port = try #require(Int(farm.url.split(separator: ":")[2]))
      let digest = Data(SHA256.digest(of: Self.bytes)).base64EncodedString()
      let head = """
        PUT /api/v1/uploads/\(job.job)/1/\(job.archive) HTTP/1.1\r
        Host: localhost\r
        Connection: close\r
        Authorization: Bearer \(job.uploadToken)\r
        Content-Digest: sha-256=:\(digest):\r
        Content-Length: \(Self.bytes.count)\r
        \r

        """
      let answer = try await withRawConnection(port: port) { connection in
        try await connection.send(Array(head.utf8) + Self.bytes.prefix(2))
        // The checks before the first byte are done once the partial file is there.
        while !farm.isReceiving { try await Task.sleep(for: .milliseconds(5)) }
        try await farm.expire(job.job)
        try await connection.send(Array(Self.bytes.dropFirst(2)))
        return try await connection.readToEnd()
      }
      #expect(String(decoding: answer, as: UTF8.self).hasPrefix("HTTP/1.1 409 "))
      #expect(try await stored(farm) == 0)
    }
  }

  @Test("without the attempt's own token nobody uploads")
  func wrongToken() async throws {
    try await withJob { farm, job in
      let url = "\(job.uploadURL)/\(job.archive)"
      let wrong = try await farm.upload(Self.bytes, to: url, token: "wrong")
      #expect(wrong.status == 401)
      #expect(try await farm.send("PUT", url, body: Self.bytes).status == 401)
      let other = "\(farm.url)/api/v1/uploads/\(job.job)/2/\(job.archive)"
      #expect(try await farm.upload(Self.bytes, to: other, token: job.uploadToken).status == 401)
    }
  }

  @Test("names that are not the job's, and missing digests, are refused")
  func badNames() async throws {
    try await withJob { farm, job in
      for name in ["..%2Fx", ".hidden", "other-1.0.0.tar.gz", "\(job.archive).minisig", "a%00b"] {
        let answer = try await farm.upload(
          Self.bytes, to: "\(job.uploadURL)/\(name)", token: job.uploadToken)
        #expect(answer.status == 400, "\(name)")
      }
      let bare = try await farm.send(
        "PUT", "\(job.uploadURL)/\(job.archive)",
        headers: ["Authorization": "Bearer \(job.uploadToken)"], body: Self.bytes)
      #expect(bare.status == 400)
      #expect(bare.json("detail") == "Content-Digest: sha-256=:BASE64: is needed (RFC 9530)")
      #expect(try await stored(farm) == 0)
    }
  }

  @Test("the same file again is taken, one file too many is not")
  func repeated() async throws {
    try await withJob { farm, job in
      let stem = job.archive.dropLast(7)
      for name in ["\(stem).tar.gz", "\(stem).tar.gz", "\(stem).metadata.json"] {
        let answer = try await farm.upload(
          Self.bytes, to: "\(job.uploadURL)/\(name)", token: job.uploadToken)
        #expect(answer.status == 201, "\(name)")
      }
      let third = try await farm.upload(
        Self.bytes, to: "\(job.uploadURL)/\(stem).sbom.cdx.json", token: job.uploadToken)
      #expect(third.status == 413)
      #expect(try await stored(farm) == 2)
    }
  }

  @Test("other bytes under the same name do not touch the first ones, which may be being signed")
  func replaced() async throws {
    try await withJob { farm, job in
      let url = "\(job.uploadURL)/\(job.archive)"
      func key() async throws -> StorageKey {
        let uploads = try await farm.database.uploads(job: job.job, attempt: job.attempt)
        return try StorageKey(try #require(uploads.first).storageKey)
      }
      #expect(try await farm.upload(Self.bytes, to: url, token: job.uploadToken).status == 201)
      let first = try await farm.storage.read(try await key(), range: nil)
      let firstKey = try await key()
      #expect(try await farm.upload([1, 2], to: url, token: job.uploadToken).status == 201)
      #expect(try await key() != firstKey)
      #expect(try await first.collect() == Self.bytes)
      #expect(try await stored(farm) == 1)
    }
  }

  @Test("what was stored, but not recorded before a backend died, goes with the attempt")
  func unrecorded() async throws {
    try await BackendFarm.with { farm in
      try await farm.report([BackendFarm.registry, try BackendFarm.version("tool")])
      try await ScriptedBuilder().work(farm) { session in
        let job = try await session.assigned()
        let key = try StorageKey.upload(
          job: job.job, attempt: Int(job.attempt), sha256: SHA256.hex(of: Self.bytes),
          name: job.archive)
        try await farm.storage.put(key, bytes: Self.bytes)
        let answer = try await session.finish(job, .failed(.compile, message: "no"))
        #expect(answer == .accepted(job.reference))
        #expect(try await stored(farm) == 0)
      }
    }
  }
}
