import Database
import ExecutorKit
import Testing

@Suite("Logs, uploads and builders in the database")
struct AttemptTests {
  @Test("a log piece is stored once, in order, without the U+0000 that PostgreSQL cannot hold")
  func log() async throws {
    try await Farm.with { farm in
      try await farm.addJob("hexyl")
      let builder = try await farm.addBuilder()
      let job = try #require(try await farm.claim(builder))
      let pieces = [(2, "b\u{0}"), (1, "a"), (1, "again")].map {
        LogPiece(job: job.id, attempt: 1, sequence: $0.0, text: $0.1)
      }
      try await farm.database.storeLog(pieces, builder: builder)
      try await farm.database.storeLog(pieces, builder: builder + 1)
      #expect(
        try await farm.database.log(job: job.id, attempt: 1).map(\.text) == ["a", "b\u{FFFD}"])
      try await farm.database.moveLog(job: job.id, attempt: 1, sha256: "x", bytes: 4)
      #expect(try await farm.database.log(job: job.id, attempt: 1).isEmpty)
    }
  }

  @Test("a builder cannot fill the database with a log")
  func logLimit() async throws {
    try await Farm.with { farm in
      try await farm.addJob("hexyl")
      let builder = try await farm.addBuilder()
      let job = try #require(try await farm.claim(builder))
      func store(_ sequence: Int, _ text: String) async throws {
        try await farm.database.storeLog(
          [LogPiece(job: job.id, attempt: 1, sequence: sequence, text: text)], builder: builder)
      }
      // Each piece counts 64 bytes more than its text; one without text is none.
      try await store(1, String(repeating: "x", count: Int(job.plan.limits.log) * 2 - 64))
      for sequence in 10..<13 { try await store(sequence, "") }
      try await store(2, "the limit and as much again is stored")
      try await store(3, "more is not")
      #expect(try await farm.database.log(job: job.id, attempt: 1).map(\.sequence) == [1, 2])
    }
  }

  @Test("an upload needs the attempt's token and its lease")
  func uploads() async throws {
    try await Farm.with { farm in
      try await farm.addJob("hexyl")
      let builder = try await farm.addBuilder()
      let job = try #require(try await farm.claim(builder))
      func right(_ token: String) async throws -> UploadRight {
        try await farm.database.uploadRight(job: job.id, attempt: 1, tokenHash: token)
      }
      let upload = StoredUpload(
        name: "a.tar.gz", size: 1, sha256: String(repeating: "e", count: 64), storageKey: "k")
      #expect(try await right("token") == .granted(files: 0))
      #expect(try await right("wrong") == .unauthorized)
      #expect(try await farm.database.recordUpload(upload, job: job.id, attempt: 1))
      #expect(try await right("token") == .granted(files: 1))
      try await farm.expire(job.id)
      #expect(try await right("token") == .stale)
      #expect(try await !farm.database.recordUpload(upload, job: job.id, attempt: 1))
      #expect(try await farm.database.forgetUploads(job: job.id, attempt: 1) == ["k"])
    }
  }

  @Test("an unknown builder waits, an invitation lets one builder in once")
  func invitations() async throws {
    try await Farm.with { farm in
      func register(_ digit: String, token: String?) async throws -> StoredBuilder {
        try await farm.database.registerBuilder(
          name: digit, publicKey: String(repeating: digit, count: 64), version: "1",
          tokenHash: token)
      }
      #expect(try await register("1", token: nil).state == .pending)
      try await farm.database.invite(tokenHash: "hash", note: "", validForSeconds: 60)
      #expect(try await register("1", token: "hash").state == .approved)
      #expect(try await register("2", token: "hash").state == .pending)
      #expect(
        try await farm.database.setBuilderState("2", to: .approved).map(\.state) == [.approved])
      #expect(try await farm.database.setBuilderState("nobody", to: .approved).isEmpty)
      _ = try await farm.database.registerBuilder(
        name: "2", publicKey: String(repeating: "4", count: 64), version: "1", tokenHash: nil)
      // Somebody else has chosen the same name.
      await #expect(
        throws: AmbiguousBuilder(
          text: "2", keys: ["2", "4"].map { String(repeating: $0, count: 64) })
      ) { try await farm.database.setBuilderState("2", to: .approved) }
      #expect(
        try await farm.database.setBuilderState("44444444", to: .approved).map(\.name) == ["2"])
      try await farm.database.invite(tokenHash: "old", note: "", validForSeconds: -1)
      #expect(try await register("3", token: "old").state == .pending)
    }
  }
}
