import Cryptography

/// What is done when: a function of the seed and the sizes, and of nothing else.
struct FaultPlan: Sendable, Equatable {
  /// How large the run is.
  struct Sizes: Codable, Sendable, Equatable {
    var seconds: Double
    var backends: Int
    var builders: Int
    /// Versions that are published; each is one job a target.
    var versions: Int
  }

  /// After how many seconds something is done, on average.
  static let pause = 0.5

  let seed: UInt64
  let sizes: Sizes
  /// By time.
  let faults: [Fault]

  init(seed: UInt64, sizes: Sizes) {
    self.seed = seed
    self.sizes = sizes
    var drawing = Drawing(seed: seed, sizes: sizes)
    faults = drawing.all()
  }

  /// When a version is published: a third at the beginning, the rest while faults happen.
  func publication(of version: Int) -> Double { sizes.publication(of: version) }

  /// SHA-256 over all faults, shortened.
  var digest: String {
    let text = faults.map { $0.line + "\n" }.joined()
    return String(SHA256.hex(of: "\(sizes)\n" + text).prefix(16))
  }
}

extension FaultPlan.Sizes {
  func publication(of version: Int) -> Double {
    let first = versions / 3
    guard version >= first else { return 0 }
    return seconds * 0.85 * Double(version - first + 1) / Double(max(1, versions - first))
  }

  /// How many versions are there for half a second at a time.
  func published(at time: Double) -> Int {
    (0..<versions).prefix { publication(of: $0) + 0.5 <= time }.count
  }
}

/// Draws one fault after the other.
private struct Drawing {
  let sizes: FaultPlan.Sizes
  var random: SeededGenerator
  /// Until when something is being done to a part of the farm.
  var busy: [String: Double] = [:]

  init(seed: UInt64, sizes: FaultPlan.Sizes) {
    self.sizes = sizes
    random = SeededGenerator(seed: seed, of: "faults")
  }

  mutating func all() -> [Fault] {
    var faults: [Fault] = []
    var time = 0.5
    while time < sizes.seconds {
      if let fault = draw(at: time) { faults.append(fault) }
      time += random.number(in: 0.1...(2 * FaultPlan.pause - 0.1))
    }
    return faults
  }

  /// One that finds its part of the farm at rest; nil after a few tries.
  private mutating func draw(at time: Double) -> Fault? {
    for _ in 0..<8 {
      guard let kind = random.choice(FaultKind.allCases.map { ($0, $0.weight) }) else { continue }
      let fault = Fault(
        at: time, kind: kind, subject: subject(of: kind, at: time),
        seconds: random.number(in: kind.duration), amount: random.fraction())
      guard choices(kind, at: time) > 0, time + fault.seconds <= sizes.seconds else { continue }
      let part = fault.part
      if let until = busy[part], until > time { continue }
      busy[part] = time + fault.seconds + fault.recovery
      return fault
    }
    return nil
  }

  /// Versions that came last are chosen more often: they are being built.
  private mutating func subject(of kind: FaultKind, at time: Double) -> Int {
    let count = choices(kind, at: time)
    guard kind == .yank || kind == .replan, random.fraction() < 0.7 else {
      return random.index(below: count)
    }
    return max(0, count - 1 - random.index(below: 4))
  }

  private func choices(_ kind: FaultKind, at time: Double) -> Int {
    switch kind {
    case .backendKill, .backendPause, .backendStop, .networkCut, .networkHold, .networkDelay,
      .networkRefuse:
      sizes.backends
    case .postgresRestart, .postgresFreeze, .postgresPause, .postgresTerminate,
      .postgresLock:
      1
    case .operatorRetry, .operatorRebuild: sizes.published(at: time)
    case .yank, .replan: sizes.published(at: time)
    default: sizes.builders
    }
  }
}

extension Fault {
  /// The part of the farm that it needs for itself.
  fileprivate var part: String {
    switch kind {
    case .backendKill, .backendPause, .backendStop: "backend \(subject)"
    case .networkCut, .networkHold, .networkDelay, .networkRefuse: "network \(subject)"
    case .postgresRestart, .postgresFreeze, .postgresPause, .postgresTerminate,
      .postgresLock:
      "postgres"
    case .operatorRetry, .operatorRebuild: "operator"
    case .yank, .replan: "version \(subject)"
    default: "builder \(subject)"
    }
  }

  /// How long the part is left in peace afterwards.
  fileprivate var recovery: Double {
    switch kind {
    case .backendKill, .backendStop: 4
    case .postgresRestart: 8
    case .postgresFreeze, .postgresPause: 3
    case .postgresTerminate: 1
    case .yank, .replan, .operatorRetry, .operatorRebuild: 2
    default: 0.5
    }
  }
}
