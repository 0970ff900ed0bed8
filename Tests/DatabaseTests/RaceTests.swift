import Database
import ExecutorKit
import FarmModel
import Postgres
import Testing

/// What the fault test has found once, held still.
@Suite("Races in the database", .timeLimit(.minutes(2)))
struct RaceTests {
  @Test("a renewal that waits for an end that is being recorded does not undo it")
  func renewal() async throws {
    try await Farm.with { farm in
      try await farm.addJob("hexyl")
      let builder = try await farm.addBuilder()
      let job = try #require(try await farm.claim(builder))
      try await farm.expire(job.id)
      _ = try await farm.database.expireLeases()
      // Another backend records the builder's own word for the end, and has not committed it yet.
      let other = try await PostgresConnection(connecting: farm.database.pool.address)
      try await other.query("BEGIN")
      try await other.query(
        """
        UPDATE attempts SET failure_class = 'infrastructure', failure_message = 'its own end'
        WHERE job_id = $1
        """, [.int(job.id)])
      try await other.query(
        "UPDATE jobs SET updated_at = clock_timestamp() WHERE id = $1", [.int(job.id)])
      async let renewed = farm.database.renew(builder: builder, attempts: [(job.id, 1)])
      try await untilSomebodyWaits(for: other)
      try await other.query("COMMIT")
      await other.close()
      #expect(try await renewed.isEmpty)
      #expect(try await farm.database.job(job.id)?.state == .pending)
      #expect(
        try await farm.database.attempts(ofJob: job.id).map(\.failureClass) == ["infrastructure"])
    }
  }

  @Test("what a builder could not be told of goes back uncharged, and is another one's at once")
  func givenBack() async throws {
    try await Farm.with { farm in
      try await farm.addJob("hexyl")
      let builder = try await farm.addBuilder()
      let job = try #require(try await farm.claim(builder))
      let before = try #require(try await farm.database.job(job.id))
      // A fence that is not held gives nothing back.
      try await farm.database.giveBack(builder: builder, attempts: [(job.id, 2), (job.id + 1, 1)])
      #expect(try await farm.database.job(job.id)?.state == .leased)
      try await farm.database.giveBack(builder: builder, attempts: [(job.id, 1)])
      let after = try #require(try await farm.database.job(job.id))
      #expect(after.state == .pending && after.hold == nil)
      #expect(after.retriesLeft == before.retriesLeft)
      // It did hear of it: as long as nobody else has the job, it may go on.
      #expect(
        try await farm.database.renew(builder: builder, attempts: [(job.id, 1)]).map(\.job) == [
          job.id
        ])
      try await farm.database.giveBack(builder: builder, attempts: [(job.id, 1)])
      let other = try await farm.addBuilder()
      #expect(try await farm.claim(other)?.attempt == 2)
      #expect(try await farm.database.renew(builder: builder, attempts: [(job.id, 1)]).isEmpty)
    }
  }

  @Test(
    "a builder that is disabled loses what it has to others, uncharged, and cannot end it any more")
  func disabled() async throws {
    try await Farm.with { farm in
      try await farm.addJob("hexyl")
      let builder = try await farm.addBuilder()
      let job = try #require(try await farm.claim(builder))
      let before = try #require(try await farm.database.job(job.id))
      let changed = try await farm.database.setBuilderState(String(builder), to: .disabled)
      #expect(changed.map(\.leases) == [0])
      let after = try #require(try await farm.database.job(job.id))
      #expect(after.state == .pending && after.hold == nil)
      #expect(after.retriesLeft == before.retriesLeft)
      #expect(
        try await farm.database.attempts(ofJob: job.id).map(\.failureClass) == ["lease-lost"])
      #expect(try await farm.database.renew(builder: builder, attempts: [(job.id, 1)]).isEmpty)
      let failure = ExecutorFailure(.compile, "no")
      let end = FinalFailure(builder: builder, job: job.id, attempt: 1, failure: failure)
      #expect(try await farm.database.endFinally([end]).isEmpty)
      #expect(
        try await farm.database.fail(
          builder: builder, job: job.id, attempt: 1, failure: failure) == nil)
      #expect(
        try await farm.database.publicationObstacle(builder: builder, job: job.id, attempt: 1)
          == .stale)
      #expect(try await farm.claim(try await farm.addBuilder("2"))?.attempt == 2)
    }
  }

  @Test("a piece of a log that comes while its attempt is being ended is not left behind")
  func latePiece() async throws {
    try await Farm.with { farm in
      try await farm.addJob("hexyl")
      let builder = try await farm.addBuilder()
      let job = try #require(try await farm.claim(builder))
      let other = try await PostgresConnection(connecting: farm.database.pool.address)
      try await other.query("BEGIN")
      try await other.query(
        """
        UPDATE attempts SET finished_at = clock_timestamp(), result = 'failed',
          failure_class = 'compile', failure_message = 'no' WHERE job_id = $1
        """, [.int(job.id)])
      let piece = LogPiece(job: job.id, attempt: 1, sequence: 1, text: "late\n")
      async let stored: Void = farm.database.storeLog([piece], builder: builder)
      try await untilSomebodyWaits(for: other)
      try await other.query("COMMIT")
      await other.close()
      try await stored
      #expect(try await farm.database.log(job: job.id, attempt: 1).isEmpty)
    }
  }

  @Test("an end that nobody asks for any more is no cancellation: the job is tried again")
  func unwantedCancellation() async throws {
    try await Farm.with { farm in
      try await farm.addJob("hexyl")
      let builder = try await farm.addBuilder()
      let job = try #require(try await farm.claim(builder))
      let failure = ExecutorFailure(.cancelled, "as the backend asked")
      let state = try await farm.database.fail(
        builder: builder, job: job.id, attempt: 1, failure: failure)
      #expect(state == .pending)
      try await farm.endPause(job.id)
      let again = try #require(try await farm.claim(builder))
      #expect(try await farm.database.cancel(job: job.id)?.isCancelRequested == true)
      #expect(
        try await farm.database.fail(
          builder: builder, job: again.id, attempt: 2, failure: failure) == .cancelled)
    }
  }

  @Test("contents that nobody has published are removed, unless somebody uploads or publishes them")
  func orphans() async throws {
    try await Farm.with { farm in
      try await farm.addJob("hexyl")
      let builder = try await farm.addBuilder()
      let job = try #require(try await farm.claim(builder))
      let (orphan, wanted) = (String(repeating: "e", count: 64), String(repeating: "d", count: 64))
      try await farm.database.noteOrphans([orphan, wanted])
      #expect(
        try await farm.database.orphansToDelete(owner: "a", afterSeconds: 60, limit: 9).isEmpty)
      let upload = StoredUpload(name: "tool.tar.gz", size: 3, sha256: wanted, storageKey: "k")
      #expect(try await farm.database.recordUpload(upload, job: job.id, attempt: 1))
      #expect(
        try await farm.database.orphansToDelete(owner: "a", afterSeconds: 0, limit: 9) == [orphan])
      #expect(try await farm.database.isBeingDeleted([orphan, wanted]))
      #expect(try await !farm.database.isBeingDeleted([wanted]))
      // While one backend deletes them, no other one does, nor may it say that they are gone.
      #expect(
        try await farm.database.orphansToDelete(owner: "b", afterSeconds: 0, limit: 9).isEmpty)
      try await farm.database.forgetOrphans([orphan], owner: "b")
      #expect(try await farm.database.isBeingDeleted([orphan]))
      try await farm.database.forgetOrphans([orphan], owner: "a")
      #expect(try await !farm.database.isBeingDeleted([orphan]))
      // What an attempt has uploaded and not published is an orphan once it is tidied up.
      _ = try await farm.database.forgetUploads(job: job.id, attempt: 1)
      #expect(
        try await farm.database.orphansToDelete(owner: "a", afterSeconds: 0, limit: 9) == [wanted])
    }
  }
}
