import Cryptography
import FarmModel
import Foundation
import Logging
import Postgres
import Testing
import Transfer

@testable import Backend
@testable import Database

@Suite("what the registry sync reports", .timeLimit(.minutes(2)))
struct BackendRegistryTests {
  @Test("a bad line is named, and nothing of the body is applied")
  func badLine() async throws {
    try await BackendFarm.with { farm in
      let good = try [BackendFarm.registry, BackendFarm.version("tool")]
        .map { try CanonicalJSON.text($0) + "\n" }.joined()
      for (bad, problem) in [
        ("no JSON", "line 3: it is no JSON"),
        (#"{"type":"version","crate":"../x"}"#, "line 3: “crate”: “../x” is no crate name"),
        (#"{"type":"version","crate":"x","version":"1"}"#, "line 3: “version”:"),
        (#"{"type":"version","crate":"x","version":"1.0.0"}"#, "line 3: “checksum” is missing"),
        (
          #"{"type":"version","crate":"x","version":"1.0.0","checksum":"AB","yanked":false}"#,
          "line 3: “checksum” must be 64"
        ),
      ] {
        let answer = try await farm.report(lines: good + bad + "\n")
        #expect(answer.status == 400)
        #expect(answer.json("line") == "3")
        #expect(answer.json("detail").hasPrefix(problem), "\(answer.text)")
      }
      #expect(try await farm.get("/api/v1/crates/tool").status == 404)
      let long = RegistryDescription(
        indexURL: String(repeating: "x", count: 5000), downloadTemplate: "http://127.0.0.1/")
      let answer = try await farm.report([.registry(long), try BackendFarm.version("tool")])
      #expect(answer.status == 400 && answer.json("line") == "1", "\(answer.text)")
    }
  }

  @Test("a name that another crate has but for case is refused with its line")
  func nameTaken() async throws {
    try await BackendFarm.with { farm in
      let answer = try await farm.report([
        BackendFarm.registry, try BackendFarm.version("my-tool"),
        try BackendFarm.version("My_Tool"),
      ])
      #expect(answer.status == 400 && answer.json("line") == "3", "\(answer.text)")
      #expect(try await farm.get("/api/v1/crates/my-tool").status == 404)
      let early = try await farm.report([try BackendFarm.version("tool")])
      #expect(early.status == 400 && early.json("line") == "1", "\(early.text)")
    }
  }

  @Test("the same again changes nothing, and a wrong token gets nowhere")
  func repeated() async throws {
    try await BackendFarm.with { farm in
      let records = [BackendFarm.registry, try BackendFarm.version("tool")]
      #expect(try await farm.report(records).json("added") == "1")
      #expect(try await farm.get("/api/v1/stats").json("jobs", "pending") == "2")
      let again = try await farm.report(records)
      #expect(again.json("unchanged") == "1" && again.json("jobs") == "0")
      for token in ["", "wrong"] {
        let answer = try await farm.report(lines: "", token: token)
        #expect(answer.status == 401 && answer.headers["WWW-Authenticate"] == "Bearer")
      }
    }
  }

  @Test("a body that is too large is refused")
  func tooLarge() async throws {
    try await BackendFarm.with { configuration in
      configuration.maximumRegistryBytes = 1000
    } _: { farm in
      let answer = try await farm.report(lines: String(repeating: "\n", count: 2000))
      #expect(answer.status == 413)
      #expect(answer.json("type") == "urn:builds.rs:problem:too-large")
    }
  }

  @Test("a crate's line marks what is gone, and is refused where it is wrong")
  func crateLine() async throws {
    try await BackendFarm.with { farm in
      try await farm.report([
        BackendFarm.registry, try BackendFarm.version("tool"),
        try BackendFarm.version("tool", "2.0.0"),
      ])
      #expect(try await farm.get("/api/v1/crates/tool").json("newest_version") == "2.0.0")
      let head = try CanonicalJSON.text(BackendFarm.registry) + "\n"
      for (bad, problem) in [
        (#"{"type":"crate"}"#, "line 2: “crate” is missing"),
        (#"{"type":"crate","crate":"tool","versions":["1.0"]}"#, "line 2: “versions.Index 0”"),
        (#"{"type":"crate","crate":"tool","downloads":-1}"#, "line 2: “downloads” must not"),
        (#"{"type":"crate","crate":"TOOL"}"#, "crate “TOOL” has the name of another crate"),
      ] {
        let answer = try await farm.report(lines: head + bad)
        #expect(answer.status == 400 && answer.json("line") == "2", "\(answer.text)")
        #expect(answer.json("detail").hasPrefix(problem), "\(answer.text)")
      }
      let list = #"{"type":"crate","crate":"tool","versions":["1.0.0"],"downloads":5}"#
      let answer = try await farm.report(lines: head + list)
      #expect(answer.json("changed") == "1" && answer.json("jobs") == "0", "\(answer.text)")
      let page = try await farm.get("/api/v1/crates/tool")
      #expect(page.json("newest_version") == "1.0.0")
      #expect(page.json("versions", "0", "deleted") == "1")
      let gone = try await farm.get("/api/v1/crates/tool/2.0.0")
      #expect(gone.json("targets", "0", "state") == "cancelled", "\(gone.text)")
      let asked = try await farm.send("POST", "/api/v1/crates/tool/2.0.0/\(BackendFarm.arm)")
      #expect(asked.status == 409, "\(asked.text)")
    }
  }

  @Test("lines are understood the same, however they are spelled")
  func spelling() async throws {
    try await BackendFarm.with { farm in
      let sum = String(repeating: "b", count: 64)
      let head = try CanonicalJSON.text(BackendFarm.registry) + "\n"
      let plain =
        #"{"type":"version","crate":"plain","version":"1.0.0","checksum":"\#(sum)","yanked":false}"#
      let odd =
        #" {"yanked":false, "crate":"\u0070lain", "version":"1.0.0","rust_version":null,"x":1,"#
        + #""checksum":"\#(sum)","type":"version"}"# + "\r"
      let first = try await farm.report(lines: head + plain + "\n\n")
      #expect(first.json("added") == "1", "\(first.text)")
      let second = try await farm.report(lines: head + "\n" + odd + "\n")
      #expect(second.json("unchanged") == "1" && second.json("added") == "0", "\(second.text)")
      let third = try await farm.report(lines: head + plain + "\n" + odd)
      #expect(third.json("unchanged") == "2", "\(third.text)")
    }
  }
}

@Suite("what the registry sync asks", .timeLimit(.minutes(2)))
struct BackendSyncTests {
  private let authorization: TransferHeaders = ["Authorization": "Bearer \(BackendFarm.token)"]

  private func lease(
    _ farm: BackendFarm, _ body: String, _ method: String = "POST", path: String = "lease"
  ) async throws -> BackendFarm.Answer {
    try await farm.send(
      method, "/api/v1/registry/\(path)", headers: authorization, body: Array(body.utf8))
  }

  @Test("one sync has the lease, and its fence guards what it reports")
  func lease() async throws {
    try await BackendFarm.with { farm in
      let first = try await lease(farm, #"{"holder":"a","fence":null}"#)
      #expect(first.status == 200 && first.json("fence") == "1" && first.json("seconds") == "30")
      let second = try await lease(farm, #"{"holder":"b"}"#)
      #expect(second.status == 409 && second.json("holder") == "a", "\(second.text)")
      #expect(second.json("type") == "urn:builds.rs:problem:lease-held")
      let seconds = try #require(Double(second.json("seconds")))
      #expect((0.1...30).contains(seconds))
      #expect(second.headers["Retry-After"] == "\(Int(seconds.rounded(.up)))")
      #expect(try await lease(farm, #"{"holder":"a","fence":1}"#, "DELETE").status == 204)
      #expect(try await lease(farm, #"{"holder":"b"}"#).json("fence") == "2")

      let body = try [BackendFarm.registry, BackendFarm.version("tool")]
        .map { try CanonicalJSON.text($0) + "\n" }.joined()
      for (fence, status) in [("1", 409), ("3", 409), ("x", 400), ("-1", 400), ("2", 200)] {
        var headers = authorization
        headers["Sync-Fence"] = fence
        let answer = try await farm.send(
          "POST", "/api/v1/registry/versions", headers: headers, body: Array(body.utf8))
        #expect(answer.status == status, "\(fence): \(answer.text)")
        let known = try await farm.get("/api/v1/crates/tool").status == 200
        #expect(known == (status == 200))
      }
      for bad in ["", "[]", #"{"holder":""}"#, #"{"fence":1}"#, #"{"holder":"a","fence":"1"}"#] {
        #expect(try await lease(farm, bad).status == 400, "\(bad)")
      }
      let long = String(repeating: "x", count: 5000)
      #expect(try await lease(farm, long).status == 413)
      for (method, path) in [("POST", "lease"), ("DELETE", "lease"), ("GET", "looks")] {
        #expect(try await farm.send(method, "/api/v1/registry/\(path)").status == 401)
      }
    }
  }

  @Test("who has the lease gets a newer fence, by which what it has sent before is refused")
  func raisedFence() async throws {
    try await BackendFarm.with { farm in
      let path = "lease/fence"
      #expect(try await lease(farm, #"{"holder":"a"}"#).json("fence") == "1")
      for _ in 0..<2 {
        let raised = try await lease(farm, #"{"holder":"a","fence":1}"#, path: path)
        #expect(raised.status == 200 && raised.json("fence") == "2", "\(raised.text)")
      }
      let other = try await lease(farm, #"{"holder":"b","fence":2}"#, path: path)
      #expect(other.status == 409 && other.json("holder") == "a")
      let body = try [BackendFarm.registry, BackendFarm.version("tool")]
        .map { try CanonicalJSON.text($0) + "\n" }.joined()
      for (fence, status) in [("1", 409), ("2", 200)] {
        var headers = authorization
        headers["Sync-Fence"] = fence
        let answer = try await farm.send(
          "POST", "/api/v1/registry/versions", headers: headers, body: Array(body.utf8))
        #expect(answer.status == status, "\(fence): \(answer.text)")
      }
      for bad in [#"{"holder":"a"}"#, "{\"holder\":\"a\",\"fence\":\(Int64.max)}", "{}"] {
        #expect(try await lease(farm, bad, path: path).status == 400, "\(bad)")
      }
      #expect(try await farm.send("POST", "/api/v1/registry/lease/fence").status == 401)
    }
  }

  @Test(
    "what is asked for before anybody looked is looked into first, and built when it has a binary")
  func wish() async throws {
    try await BackendFarm.with { farm in
      func line(_ crate: String, _ version: String, _ binaries: [String]?) throws -> RegistryRecord
      {
        guard case .version(var record) = try BackendFarm.version(crate, version, binaries: ["x"])
        else { throw CancellationError() }
        record.contents = binaries.map { names in
          CrateContents(binaries: names.map { .init(name: $0) }, hasLockfile: false)
        }
        return .version(record)
      }
      try await farm.report([
        BackendFarm.registry, try line("new", "1.0.0", nil), try line("old", "1.0.0+x", nil),
        try line("old", "2.0.0", nil), try line("library", "1.0.0", nil),
      ])
      let page = "/api/v1/crates/old/1.0.0+x/\(BackendFarm.arm)"
      let asked = try await farm.send("POST", page)
      #expect(asked.status == 202 && asked.json("state") == "queued", "\(asked.text)")
      #expect(asked.headers["Location"] == page.replacing("+", with: "%2B"))
      #expect(try await farm.get(page).json("state") == "queued")
      let library = "/api/v1/crates/library/1.0.0/\(BackendFarm.arm)"
      #expect(try await farm.send("POST", library).status == 202)

      let looks = try await farm.get("/api/v1/registry/looks?limit=3", headers: authorization)
      let found = try JSONDecoder().decode(RegistryLooks.self, from: Data(looks.body))
      #expect(
        found.versions.map { "\($0.crate) \($0.version)" } == [
          "old 1.0.0+x", "library 1.0.0", "new 1.0.0",
        ])
      #expect(found.versions.first?.checksum == SHA256.hex(of: "old1.0.0+x"))
      for bad in ["0", "1001", "x"] {
        let answer = try await farm.get(
          "/api/v1/registry/looks?limit=\(bad)", headers: authorization)
        #expect(answer.status == 400)
      }

      try await farm.report([
        BackendFarm.registry, try line("old", "1.0.0+x", ["tool"]),
        try line("library", "1.0.0", []),
      ])
      let job = try await farm.job("old", "1.0.0+x", target: BackendFarm.arm)
      #expect(try await farm.get("/api/v1/jobs/\(job)").json("class") == "request")
      #expect(try await farm.get(library).json("state") == "skipped")
      let rest = try await farm.get("/api/v1/registry/looks", headers: authorization)
      #expect(rest.json("versions", "0", "crate") == "new")
      #expect(rest.json("versions", "1", "version") == "2.0.0")
      #expect(rest.json("versions", "2") == "")
    }
  }

  @Test(
    "why a .crate was not looked into is told, and asking has one that was given up tried again")
  func lookFailures() async throws {
    try await BackendFarm.with { farm in
      guard case .version(var record) = try BackendFarm.version("bad", "1.0.0", binaries: ["x"])
      else { throw CancellationError() }
      record.contents = nil
      try await farm.report([BackendFarm.registry, .version(record)])
      let page = "/api/v1/crates/bad/1.0.0/\(BackendFarm.arm)"
      let look = RegistryLooks.Version(
        crate: record.crate, version: record.version, checksum: record.checksum)
      func fail(_ headers: TransferHeaders, fence: String? = nil) async throws -> Int {
        var headers = headers
        headers["Sync-Fence"] = fence
        let body = RegistryLookFailures(failures: [
          .init(look, reason: "unexpected status 404", isRefusal: true)
        ])
        return try await farm.send(
          "POST", "/api/v1/registry/looks", headers: headers,
          body: Array(try CanonicalJSON.encode(body))
        ).status
      }
      #expect(try await fail([:]) == 401)
      #expect(try await fail(authorization, fence: "7") == 409)
      #expect(try await farm.send("POST", page).status == 202)
      #expect(try await fail(authorization) == 204)
      let reason = "its .crate could not be fetched once: unexpected status 404; "
      let queued = try await farm.get(page)
      #expect(queued.json("state") == "queued")
      #expect(queued.json("reason") == reason + "it is tried again in 1 min")
      try await farm.database.pool.query(
        "UPDATE looks SET failures = 13, not_before = clock_timestamp()")
      #expect(try await fail(authorization) == 204)
      let given = try await farm.get(page)
      #expect(given.json("state") == "not-requested")
      #expect(
        given.json("reason") == "its .crate could not be fetched 14 times, which was given up: "
          + "unexpected status 404; POST here to have it tried again")
      let looks = "/api/v1/registry/looks"
      #expect(try await farm.get(looks, headers: authorization).json("versions", "0") == "")
      #expect(try await farm.send("POST", page).status == 202)
      #expect(
        try await farm.get(looks, headers: authorization).json("versions", "0", "crate") == "bad")
      for bad in ["", "{}", #"{"failures":[{}]}"#] {
        let answer = try await farm.send(
          "POST", looks, headers: authorization, body: Array(bad.utf8))
        #expect(answer.status == 400, "\(answer.text)")
      }
      // What cannot be used says why.
      record.contents = CrateContents(binaries: [], hasLockfile: false, problem: "no Cargo.toml")
      try await farm.report([BackendFarm.registry, .version(record)])
      #expect(try await farm.get(page).json("reason") == "no Cargo.toml")
    }
  }

  @Test("what clients ask for makes crates popular")
  func uses() async throws {
    let counter = UseCounter()
    try await BackendFarm.with { farm in
      try await farm.report([
        BackendFarm.registry, try BackendFarm.version("loved"), try BackendFarm.version("rare"),
      ])
      let loved = try #require(try await farm.database.crate(named: "loved"))
      for _ in 0..<3 { counter.count(crate: loved.id) }
      let service = PopularityService(
        database: farm.database, uses: counter, logger: Logger(label: "test"), pause: 0.001,
        writesPerRanking: 1)
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await service.run() }
        var bands: [Int] = []
        while bands != [4, 9] {
          bands = try await farm.database.pool.query(
            "SELECT popularity_band, farm_uses FROM crates ORDER BY name"
          ).map { try $0.int("popularity_band") }
        }
        group.cancelAll()
      }
      #expect(counter.take() == UseCounter.Uses())
    }
  }
}

@Suite("plain lines of the registry sync")
struct PlainRecordTests {
  private static let sum = String(repeating: "0f", count: 32)
  private static let lines = [
    #"{"checksum":"\#(sum)","crate":"a-b","published_at":7,"rust_version":"1.70","type":"version","version":"1.2.3-rc.1+b","yanked":true}"#,
    #"{"type":"version","crate":"x","version":"10.20.30","checksum":"\#(sum)","yanked":false}"#,
    #"{"crate":"abc","downloads":123,"type":"crate","versions":["1.0.0","1.0.0-a"]}"#,
    #"{"crate":"abc","type":"crate","versions":[]}"#,
    #"{"crate":"abc","downloads":5,"type":"crate"}"#,
  ]

  private func plain(_ line: String) -> PlainRecord? { PlainRecord(Array(line.utf8).span) }

  @Test("what the sync writes is plain", arguments: lines)
  func plainLines(line: String) throws {
    let record = try JSONDecoder().decode(RegistryRecord.self, from: Data(line.utf8))
    #expect(try CanonicalJSON.text(record).utf8.count == line.utf8.count)
    #expect(plain(line) != nil)
  }

  @Test("a line that is taken as plain is what the decoder takes it for, whatever is done to it")
  func mutations() throws {
    var generator = SystemRandomNumberGenerator()
    let pieces = [
      "\"", ",", ":", "{", "}", "[", "]", "0", "1", "-", ".", "e", "null", "true", " ", "\\", "é",
    ]
    var taken = 0
    for _ in 0..<4000 {
      var bytes = Array((Self.lines.randomElement() ?? "").utf8)
      for _ in 0..<Int.random(in: 0...2) {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<3) {
        case 0: bytes.remove(at: place)
        case 1: bytes[place] = UInt8.random(in: 32...126)
        default: bytes.insert(contentsOf: (pieces.randomElement() ?? "").utf8, at: place)
        }
      }
      let line = String(decoding: bytes, as: UTF8.self)
      var fast = RegistryBatch()
      try fast.add(BackendFarm.registry, line: 1)
      var slow = fast
      guard let plain = plain(line) else { continue }
      let isTaken =
        switch plain {
        case .version(let version): try fast.add(version, of: bytes.span, line: 2)
        case .crate(let crate): try fast.add(crate, of: bytes.span, line: 2)
        }
      guard isTaken else { continue }
      taken += 1
      let record = try JSONDecoder().decode(RegistryRecord.self, from: Data(line.utf8))
      try slow.add(record, line: 2)
      #expect(try fast.hasSameRows(as: slow), "\(line)")
    }
    #expect(taken > 1000)
  }
}

extension RegistryBatch {
  /// Whether the lines say the same here as there.
  fileprivate func hasSameRows(as other: RegistryBatch) throws -> Bool {
    try versions.chunks == other.versions.chunks
      && crateRows().chunks == other.crateRows().chunks && versionCount == other.versionCount
  }
}
