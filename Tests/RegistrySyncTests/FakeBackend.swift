import FarmModel
import Foundation

/// The part of a backend that a sync talks to. It takes versions, deletes those that are not listed, and
/// asks for a look into the newest version of each crate.
final class FakeBackend: Sendable {
  struct State: Sendable {
    /// What bodies are answered with; 200: a receipt.
    var status = 200
    /// Bodies that hold this text are refused.
    var refusedText: String?
    /// Whether there are routes for the lease and for looks.
    var isOld = false
    /// What failures of looks are answered with, where there is no route for them.
    var failuresStatus: Int?
    var failuresRefused = 0
    /// Whether there is a route for newer fences.
    var raisesFences = true
    var asksForLooks = true
    /// What it asks for even if not.
    var looksBeside: [RegistryLooks.Version] = []
    var bodies: [[UInt8]] = []
    /// Bodies that came.
    var requests = 0
    /// Fences that came with bodies.
    var fences: [String?] = []
    /// By normalised name: what the index has, as far as the sync has told.
    var crates: [String: [Semver: RegistryVersion]] = [:]
    var downloads: [String: Int64] = [:]
    /// By checksum.
    var contents: [String: CrateContents] = [:]
    /// What could not be fetched: it is not asked for any more.
    var failures: [RegistryLookFailures.Failure] = []
    var lease: (holder: String, fence: Int64)?
    var nextFence: Int64 = 1
    var leaseSeconds = 30.0
    /// After so many bodies were taken, the others are answered with this.
    var statusAfterBodies: (bodies: Int, status: Int)?
    /// Whether another gets the lease just before the next body comes.
    var losesLeaseBeforeBody = false
    var bodiesTaken = 0
    /// How many of the next bodies do not get through now, nor does the client hear anything.
    var withholds = 0
    /// Beside those, every so many-th; 0: none.
    var withholdsEvery = 0
    /// What the client of such a body sees.
    var silence = ServedAnswer.hangUp
    /// What did not get through, and still may.
    var underWay: [ServedRequest] = []
    /// How many of the next answers to who wants a newer fence are lost.
    var lostFences = 0
  }

  static let token = "secret"
  private let state: Shared<State>
  private let server: LocalServer
  /// One element for every body that was taken.
  let taken: AsyncStream<Void>
  /// One element for every request for the lease, after it was answered.
  let leaseAsked: AsyncStream<Void>
  /// One element for every body that does not get through.
  let withheld: AsyncStream<Void>

  init() throws {
    let state = Shared(State())
    let (taken, continuation) = AsyncStream.makeStream(of: Void.self)
    let (leaseAsked, leaseContinuation) = AsyncStream.makeStream(of: Void.self)
    let (withheld, withheldContinuation) = AsyncStream.makeStream(of: Void.self)
    self.state = state
    self.taken = taken
    self.leaseAsked = leaseAsked
    self.withheld = withheld
    server = try LocalServer { request in
      let answer = state.withLock { $0.answer(request) }
      if answer.status <= 0, request.path.hasSuffix("/versions") { withheldContinuation.yield() }
      if answer.status == 200, request.path.hasSuffix("/versions") { continuation.yield() }
      if request.method == "POST", request.path.hasSuffix("/lease") { leaseContinuation.yield() }
      return answer
    }
  }

  var url: String { server.url }
  var requests: Int { state.withLock(\.requests) }

  func answer(with status: Int) { state.withLock { $0.status = status } }

  func refuse(_ text: String) { state.withLock { $0.refusedText = text } }

  func change(_ body: @Sendable (inout State) -> Void) { state.withLock { body(&$0) } }

  /// Lets what did not get through come now; its statuses.
  func deliverLate() -> [Int] {
    state.withLock { state in
      let late = state.underWay
      state.underWay = []
      state.withholdsEvery = 0
      return late.map { state.answer($0).status }
    }
  }

  func read<Value: Sendable>(_ body: @Sendable (State) -> Value) -> Value {
    state.withLock { body($0) }
  }

  /// All versions that are there, such as `abc 1.0.0`, sorted; yanked ones with `yanked`.
  var versions: [String] {
    state.withLock { state in
      state.crates.values.flatMap(\.values).map {
        "\($0.crate) \($0.version)\($0.yanked ? " yanked" : "")"
      }.sorted()
    }
  }

  /// The bodies since the last call.
  func takeBodies() -> [[UInt8]] {
    state.withLock { state in
      defer { state.bodies = [] }
      return state.bodies
    }
  }

  /// The records since the last call, without checking how they were cut into bodies.
  func takeRecords() throws -> [RegistryRecord] {
    try takeBodies().flatMap { body in
      try body.split(separator: 10).map {
        try JSONDecoder().decode(RegistryRecord.self, from: Data($0))
      }
    }
  }

  /// The version lines since the last call, in the order of their arrival.
  func takeVersions() throws -> [RegistryVersion] {
    try takeRecords().compactMap { record in
      guard case .version(let version) = record else { return nil }
      return version
    }
  }
}

extension FakeBackend.State {
  fileprivate mutating func answer(_ request: ServedRequest) -> ServedAnswer {
    guard request.headers["authorization"] == "Bearer \(FakeBackend.token)" else {
      if request.path.hasSuffix("/versions") { requests += 1 }
      return ServedAnswer(status: 401)
    }
    switch (request.method, request.path) {
    case ("POST", "/api/v1/registry/versions"): return takeBody(request)
    case ("POST", "/api/v1/registry/lease") where !isOld: return grant(request)
    case ("POST", "/api/v1/registry/lease/fence") where raisesFences: return raise(request)
    case ("DELETE", "/api/v1/registry/lease") where !isOld: return release(request)
    case ("GET", let path) where path.hasPrefix("/api/v1/registry/looks?limit=") && !isOld:
      return answer(RegistryLooks(versions: (asksForLooks ? looks : []) + looksBeside))
    case ("POST", "/api/v1/registry/looks") where !isOld: return takeFailures(request)
    default: return ServedAnswer(status: 404)
    }
  }

  private mutating func takeFailures(_ request: ServedRequest) -> ServedAnswer {
    if let failuresStatus {
      failuresRefused += 1
      return ServedAnswer(status: failuresStatus)
    }
    guard request.headers["sync-fence"] == lease.map({ String($0.fence) }),
      let told = try? JSONDecoder().decode(RegistryLookFailures.self, from: Data(request.body))
    else { return ServedAnswer(status: 409) }
    failures += told.failures
    return ServedAnswer(status: 204)
  }

  private func answer(_ value: some Encodable, status: Int = 200) -> ServedAnswer {
    ServedAnswer(status: status, body: Array((try? JSONEncoder().encode(value)) ?? Data()))
  }

  private mutating func takeBody(_ request: ServedRequest) -> ServedAnswer {
    requests += 1
    guard request.headers["content-type"] == "application/x-ndjson" else {
      return ServedAnswer(status: 415)
    }
    if withholds > 0 || withholdsEvery > 0 && requests % withholdsEvery == 0 {
      withholds = max(0, withholds - 1)
      underWay.append(request)
      return silence
    }
    if losesLeaseBeforeBody { lease = ("other", nextFence + 1) }
    fences.append(request.headers["sync-fence"])
    guard request.headers["sync-fence"] == lease.map({ String($0.fence) }) else {
      return ServedAnswer(status: 409, body: Array(#"{"detail":"the fence is stale"}"#.utf8))
    }
    if let statusAfterBodies, bodiesTaken >= statusAfterBodies.bodies {
      return ServedAnswer(status: statusAfterBodies.status)
    }
    guard status == 200 else {
      return ServedAnswer(status: status, body: Array(#"{"detail":"as the test wants"}"#.utf8))
    }
    if let refusedText, request.body.firstRange(of: Array(refusedText.utf8)) != nil {
      return ServedAnswer(status: 422, body: Array(#"{"detail":"the name is taken"}"#.utf8))
    }
    bodies.append(request.body)
    bodiesTaken += 1
    var receipt = RegistryReceipt(added: 0, changed: 0, unchanged: 0, jobs: 1)
    for line in request.body.split(separator: 10) {
      guard let record = try? JSONDecoder().decode(RegistryRecord.self, from: Data(line)) else {
        return ServedAnswer(status: 400)
      }
      switch record {
      case .registry: break
      case .version(let version):
        receipt.added += 1
        crates[version.crate.normalized, default: [:]][version.version] = version
        if let found = version.contents { contents[version.checksum] = found }
      case .crate(let crate):
        if let count = crate.downloads { downloads[crate.crate.text] = count }
        guard let listed = crate.versions else { break }
        crates[crate.crate.normalized] = crates[crate.crate.normalized]?.filter {
          listed.contains($0.key)
        }
      }
    }
    return answer(receipt)
  }

  private var looks: [RegistryLooks.Version] {
    crates.values.compactMap { versions in
      let unyanked = versions.filter { !$0.value.yanked }
      guard let newest = unyanked.keys.latest.flatMap({ unyanked[$0] }),
        contents[newest.checksum] == nil,
        !failures.contains(where: { $0.look.checksum == newest.checksum })
      else { return nil }
      return RegistryLooks.Version(
        crate: newest.crate, version: newest.version, checksum: newest.checksum)
    }
  }

  private mutating func grant(_ request: ServedRequest) -> ServedAnswer {
    guard
      let wanted = try? JSONDecoder().decode(
        RegistryLeaseRequest.self, from: Data(request.body))
    else { return ServedAnswer(status: 400) }
    if let lease, wanted.fence != lease.fence {
      return answer(
        RegistryLeaseRefusal(holder: lease.holder, seconds: leaseSeconds), status: 409)
    }
    if lease == nil {
      lease = (wanted.holder, nextFence)
      nextFence += 1
    }
    return answer(RegistryLeaseGrant(fence: lease?.fence ?? 0, seconds: leaseSeconds))
  }

  private mutating func raise(_ request: ServedRequest) -> ServedAnswer {
    let wanted = try? JSONDecoder().decode(RegistryLeaseRequest.self, from: Data(request.body))
    guard let lease, let fence = wanted?.fence, lease.holder == wanted?.holder,
      (fence...fence + 1).contains(lease.fence)
    else {
      return answer(
        RegistryLeaseRefusal(holder: lease?.holder ?? "", seconds: leaseSeconds), status: 409)
    }
    self.lease = (lease.holder, fence + 1)
    nextFence = fence + 2
    if lostFences > 0 {
      lostFences -= 1
      return .hangUp
    }
    return answer(RegistryLeaseGrant(fence: fence + 1, seconds: leaseSeconds))
  }

  private mutating func release(_ request: ServedRequest) -> ServedAnswer {
    let given = try? JSONDecoder().decode(RegistryLeaseRequest.self, from: Data(request.body))
    if given?.fence == lease?.fence { lease = nil }
    return ServedAnswer(status: 204)
  }
}
