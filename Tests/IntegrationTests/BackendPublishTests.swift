import ArtifactStorage
import Backend
import BuilderProtocol
import Cryptography
import Database
import DatabaseTestSupport
import FarmModel
import Foundation
import Postgres
import Signing
import SimulatedBuilders
import Testing
import Transfer

@Suite("from a version to a download", .timeLimit(.minutes(2)))
struct BackendPublishTests {
  static let bytes = Array("the archive's bytes".utf8)

  @Test("a reported version is assigned, built, uploaded, published, downloaded and verified")
  func wholeWay() async throws {
    try await BackendFarm.with { farm in
      let reported = try await farm.report([
        BackendFarm.registry, try BackendFarm.version("tool"),
      ])
      #expect(reported.status == 200)
      #expect(reported.json("added") == "1")
      let job = try await ScriptedBuilder().work(farm) { session in
        let job = try await session.assigned()
        #expect(job.sourceURL == "http://127.0.0.1/tool/1.0.0.crate")
        #expect(job.sourceChecksum == SHA256.hex(of: "tool1.0.0"))
        #expect(job.uploadURL == "\(farm.url)/api/v1/uploads/\(job.job)/1")
        try await session.log(job, 1, "Compiling tool\n")
        let upload = try await farm.upload(
          Self.bytes, to: "\(job.uploadURL)/\(job.archive)", token: job.uploadToken)
        #expect(upload.status == 201, "\(upload.text)")
        let answer = try await session.finish(job, .succeeded, report: job.report(Self.bytes))
        #expect(answer == .accepted(job.reference))
        return job
      }
      try await check(farm, job)
    }
  }

  private func check(_ farm: BackendFarm, _ job: AssignedJob) async throws {
    let page = try await farm.get("/api/v1/jobs/\(job.job)")
    #expect(page.json("state") == "succeeded")
    #expect(page.json("build", "binaries", "0", "smoke", "0", "output") == "tool 1.0.0\n")
    #expect(page.json("build", "environment", "digest") == "sha256:e")
    let log = try await farm.get("/api/v1/jobs/\(job.job)/log")
    #expect(log.text == "Compiling tool\n")

    let address = "/download/tool-1.0.0/\(job.archive)"
    let plain = try await farm.get(address)
    #expect(plain.status == 200)
    #expect(plain.body == Self.bytes, "curl -O follows no redirect")
    let named = "/api/v1/crates/tool/1.0.0/\(BackendFarm.x86)/\(job.archive)"
    #expect(try await farm.get(named).status == 302)
    let download = try await farm.get(named, follow: true)
    #expect(download.body == Self.bytes)
    #expect(download.headers["Cache-Control"] == "public, max-age=31536000, immutable")
    #expect(download.headers["ETag"] == "\"\(SHA256.hex(of: Self.bytes))\"")
    #expect(download.headers["Content-Length"] == "\(Self.bytes.count)")

    let signature = try await farm.get(address + ".minisig")
    let blake = Digest(.blake2b512)
    blake.update(download.body)
    let comment = try farm.key.publicKey.verify(
      signatureText: signature.text, fileDigest: blake.finalize())
    #expect(comment.file == job.archive)
    let flipped = Digest(.blake2b512)
    flipped.update([Self.bytes[0] ^ 1] + Self.bytes.dropFirst())
    #expect(throws: SignatureError.wrongContent(keyID: farm.key.publicKey.keyID)) {
      try farm.key.publicKey.verify(
        signatureText: signature.text, fileDigest: flipped.finalize())
    }
    let checksum = try await farm.get(address + ".sha256")
    #expect(checksum.text == "\(SHA256.hex(of: Self.bytes))  \(job.archive)\n")
    #expect(try await farm.get(address + ".sig").text == signature.text)
    #expect(
      try await farm.storage.list(prefix: "uploads/", after: nil, limit: 10).isEmpty,
      "what was uploaded is gone once it is published")
  }

  @Test("a Debian package and a bill of materials are taken, signed and served like the archive")
  func otherKinds() async throws {
    try await BackendFarm.with { farm in
      try await farm.report([BackendFarm.registry, try BackendFarm.version("tool")])
      let stem = "tool-1.0.0-\(BackendFarm.x86)"
      let files: [(name: String, kind: ArtifactKind, type: String)] = [
        ("\(stem).tar.gz", .binary, "application/gzip"),
        ("tool_1.0.0_amd64.deb", .debian, "application/vnd.debian.binary-package"),
        ("\(stem).sbom.cdx.json", .sbom, "application/json"),
      ]
      let job = try await ScriptedBuilder().work(farm) { session in
        let job = try await session.assigned()
        var report = job.report(Self.bytes)
        report.artifacts = []
        for (name, kind, _) in files {
          let bytes = Array("bytes of \(name)".utf8)
          let upload = try await farm.upload(
            bytes, to: "\(job.uploadURL)/\(name)", token: job.uploadToken)
          #expect(upload.status == 201, "\(upload.text)")
          report.artifacts.append(
            ArtifactReport(
              name: name, kind: kind, size: Int64(bytes.count), sha256: SHA256.hex(of: bytes)))
        }
        let foreign = try await farm.upload(
          [1], to: "\(job.uploadURL)/tool_1.0.0_arm64.deb", token: job.uploadToken)
        #expect(foreign.status == 400, "another machine's package is no file of this job")
        #expect(
          try await session.finish(job, .succeeded, report: report) == .accepted(job.reference))
        return job
      }
      let page = try await farm.get("/api/v1/jobs/\(job.job)")
      #expect(page.json("state") == "succeeded")
      for (name, _, type) in files {
        let named = "/api/v1/crates/tool/1.0.0/\(BackendFarm.x86)/\(name)"
        let download = try await farm.get(named, follow: true)
        #expect(download.body == Array("bytes of \(name)".utf8))
        #expect(download.headers["Content-Type"] == type)
        let blake = Digest(.blake2b512)
        blake.update(download.body)
        let comment = try farm.key.publicKey.verify(
          signatureText: try await farm.get(named + ".minisig").text,
          fileDigest: blake.finalize())
        #expect(comment.file == name)
        #expect(
          try await farm.get(named + ".sha256").text
            == "\(SHA256.hex(of: download.body))  \(name)\n")
      }
      let listed = try await farm.get("/api/v1/crates/tool/1.0.0/\(BackendFarm.x86)")
      let kinds = (0..<3).map { listed.json("artifacts", "\($0)", "kind") }
      #expect(Set(kinds) == ["binary", "debian", "sbom"])
    }
  }

  @Test("another builder builds a published build once more, and the difference is told")
  func verification() async throws {
    let verifyAll: @Sendable (inout BackendConfiguration) -> Void = { $0.verifyShare = 1 }
    try await BackendFarm.with(configure: verifyAll) { farm in
      try await farm.report([BackendFarm.registry, try BackendFarm.version("tool")])
      try await ScriptedBuilder(name: "second").work(farm, ready: false) { second in
        try await ScriptedBuilder(name: "first").work(farm) { first in
          let job = try await first.assigned()
          #expect(!job.isVerification)
          try await build(farm, job, first, Self.bytes)
        }
        try await second.send(.ready(Ready(slots: 1)))
        let again = try await second.assigned()
        #expect(again.isVerification)
        try await build(farm, again, second, Self.bytes + [1])
        let page = try await farm.get("/api/v1/jobs/\(again.job)")
        #expect(page.json("is_verification") == "1")
        #expect(page.json("state") == "succeeded")
      }
      let page = try await farm.get("/api/v1/crates/tool/1.0.0/\(BackendFarm.x86)")
      #expect(page.json("build", "reproducibility") == "differs")
      let name = page.json("artifacts", "0", "name")
      #expect(page.json("build", "verification", "differing", "0") == name)
      #expect(
        try await farm.get(page.json("artifacts", "0", "url")).body == Self.bytes,
        "what is published stays")
    }
  }

  private func build(
    _ farm: BackendFarm, _ job: AssignedJob, _ session: SimulatedSession, _ bytes: [UInt8]
  ) async throws {
    let upload = try await farm.upload(
      bytes, to: "\(job.uploadURL)/\(job.archive)", token: job.uploadToken)
    #expect(upload.status == 201, "\(upload.text)")
    let answer = try await session.finish(job, .succeeded, report: job.report(bytes))
    #expect(answer == .accepted(job.reference))
  }

  @Test("one range of an artifact is answered, and a range behind the end refused")
  func ranges() async throws {
    try await BackendFarm.with { farm in
      let job = try await publish(farm)
      let page = try await farm.get("/api/v1/crates/tool/latest/\(BackendFarm.x86)")
      #expect(page.json("build", "glibc_floor") == "2.34")
      let url = page.json("artifacts", "0", "url")
      let part = try await farm.get(url, headers: ["Range": "bytes=4-10"])
      #expect(part.status == 206)
      #expect(part.body == Array(Self.bytes[4...10]))
      #expect(part.headers["Content-Range"] == "bytes 4-10/\(Self.bytes.count)")
      let behind = try await farm.get(url, headers: ["Range": "bytes=999-"])
      #expect(behind.status == 416)
      let tag = try #require(part.headers["ETag"])
      #expect(try await farm.get(url, headers: ["If-None-Match": tag]).status == 304)
      let head = try await farm.send("HEAD", url)
      #expect(head.status == 200 && head.body.isEmpty)
      let named = "/api/v1/crates/tool/1.0.0/\(BackendFarm.x86)/\(job.archive)"
      #expect(try await farm.get(named).status == 302)
      #expect(try await farm.get(named, follow: true).body == Self.bytes)
    }
  }

  @Test(
    "every download makes a crate popular once, by whatever address",
    arguments: [nil, "http://127.0.0.1:1"])
  func uses(publicURL: String?) async throws {
    try await TestDatabase.with(migrations: TestDatabase.projectMigrations) { test in
      try await BackendFarm.with(address: test.address) {
        $0.storagePublicURL = publicURL
      } _: { farm in
        let job = try await publish(farm)
        let page = try await farm.get("/api/v1/crates/tool/latest/\(BackendFarm.x86)")
        let own = page.json("artifacts", "0", "url")
        let named = "/api/v1/crates/tool/1.0.0/\(BackendFarm.x86)/\(job.archive)"
        // 1: led to its own address. 2: asked by it. 3: in pieces. 4: as other tools name it.
        let address = try #require(try await farm.get(named).headers["Location"])
        _ = try await farm.get(address)
        _ = try await farm.get(own)
        for range in ["bytes=0-4", "bytes=5-9", "bytes=10-"] {
          _ = try await farm.get(own, headers: ["Range": range])
        }
        _ = try await farm.get("/download/tool-1.0.0/\(job.archive)")
        // Not downloads.
        _ = try await farm.send("HEAD", own)
        _ = try await farm.get(own + ".minisig")
        _ = try await farm.get(own + ".sha256")
        _ = try await farm.get("/api/v1/artifacts/\(String(repeating: "0", count: 64))/x")
      }
      // A backend that stops writes it down.
      let pool = PostgresPool(test.address, maximumConnections: 1)
      let uses = try await pool.query("SELECT farm_uses FROM crates").map {
        try $0.int("farm_uses")
      }
      await pool.close()
      #expect(uses == [4])
    }
  }

  @Test("where the storage is public, downloads lead there, and signatures stay here")
  func publicStorage() async throws {
    try await BackendFarm.with {
      $0.storagePublicURL = "https://bucket.example/farm"
    } _: { farm in
      _ = try await publish(farm)
      let page = try await farm.get("/api/v1/crates/tool/latest/\(BackendFarm.x86)")
      let url = page.json("artifacts", "0", "url")
      let key = try StorageKey.artifact(sha256: SHA256.hex(of: Self.bytes))
      let answer = try await farm.get(url)
      #expect(answer.status == 302)
      #expect(answer.headers["Location"] == "https://bucket.example/farm/\(key)")
      #expect(try await farm.get(url + ".minisig").status == 200)
    }
  }

  @Test("the same finished again is accepted and makes no second build")
  func repeated() async throws {
    try await BackendFarm.with { farm in
      let builder = ScriptedBuilder()
      try await farm.report([BackendFarm.registry, try BackendFarm.version("tool")])
      let job = try await builder.work(farm) { session in
        let job = try await session.assigned()
        _ = try await farm.upload(
          Self.bytes, to: "\(job.uploadURL)/\(job.archive)", token: job.uploadToken)
        _ = try await session.finish(job, .succeeded, report: job.report(Self.bytes))
        return job
      }
      try await builder.work(farm, ready: false) { session in
        let answer = try await session.finish(job, .succeeded, report: job.report(Self.bytes))
        #expect(answer == .accepted(job.reference))
      }
      let page = try await farm.get("/api/v1/jobs/\(job.job)")
      #expect(page.json("build", "revision") == "1")
    }
  }

  @Test("what a backend left that died after publication is tidied up by another")
  func tidying() async throws {
    try await BackendFarm.with(leaseSeconds: 2) { farm in
      let job = try await publish(farm)
      let key = try StorageKey.upload(
        job: job.job, attempt: 1, sha256: SHA256.hex(of: Self.bytes), name: job.archive)
      try await farm.storage.put(key, bytes: Self.bytes)
      try await farm.database.pool.transaction { connection in
        try connection.execute(
          """
          INSERT INTO uploads VALUES (\(job.job), 1, 'x', 1, repeat('a', 64), '\(key)');
          INSERT INTO log_chunks VALUES (\(job.job), 1, 1, 'the log');
          UPDATE attempts SET finished_at = finished_at - interval '2 minutes'
          """)
      }
      // Storage tells nobody when a file goes: the reaper's work is only seen by looking.
      while try await farm.storage.head(key) != nil {
        try await Task.sleep(for: .milliseconds(20))
      }
      #expect(try await farm.get("/api/v1/jobs/\(job.job)/log").text == "the log")
      let attempts = try await farm.database.attempts(ofJob: job.job)
      #expect(attempts.first?.logSHA256 == SHA256.hex(of: "the log"))
    }
  }

  @Test("a report that names other files than were uploaded fails the attempt, not the farm")
  func wrongReport() async throws {
    try await BackendFarm.with { farm in
      try await farm.report([BackendFarm.registry, try BackendFarm.version("tool")])
      try await ScriptedBuilder().work(farm) { session in
        let job = try await session.assigned()
        let answer = try await session.finish(job, .succeeded, report: job.report(Self.bytes))
        guard case .error(let error) = answer else {
          Issue.record("unexpected answer: \(answer)")
          return
        }
        #expect(error.message == "\(job.archive) is in the report, but was not uploaded")
        #expect(try await session.next() == .accepted(job.reference))
        let page = try await farm.get("/api/v1/jobs/\(job.job)")
        #expect(page.json("state") == "pending")
        #expect(page.json("failure", "failure_class") == "infrastructure")
      }
    }
  }

  /// Publishes ``bytes`` as the only artifact of tool 1.0.0.
  private func publish(_ farm: BackendFarm) async throws -> AssignedJob {
    try await farm.report([BackendFarm.registry, try BackendFarm.version("tool")])
    return try await ScriptedBuilder().work(farm) { session in
      let job = try await session.assigned()
      _ = try await farm.upload(
        Self.bytes, to: "\(job.uploadURL)/\(job.archive)", token: job.uploadToken)
      let answer = try await session.finish(job, .succeeded, report: job.report(Self.bytes))
      #expect(answer == .accepted(job.reference))
      return job
    }
  }
}
