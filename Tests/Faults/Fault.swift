/// What can be done to the farm.
enum FaultKind: String, CaseIterable, Codable, Sendable {
  case backendKill = "backend-kill"
  case backendPause = "backend-pause"
  case backendStop = "backend-stop"
  case postgresRestart = "postgres-restart"
  case postgresFreeze = "postgres-freeze"
  case postgresPause = "postgres-pause"
  case postgresTerminate = "postgres-terminate"
  case postgresLock = "postgres-lock"
  case networkCut = "network-cut"
  case networkHold = "network-hold"
  case networkDelay = "network-delay"
  case networkRefuse = "network-refuse"
  case builderKill = "builder-kill"
  case builderPause = "builder-pause"
  case builderReconnect = "builder-reconnect"
  case yank
  case replan
  case operatorRetry = "operator-retry"
  case operatorRebuild = "operator-rebuild"
  case finishTwice = "finish-twice"
  case wrongFence = "wrong-fence"
  case othersJob = "others-job"
  case lostHeartbeat = "lost-heartbeat"
  case secondConnection = "second-connection"

  /// What it does, for the report.
  var explanation: String {
    switch self {
    case .backendKill: "kill -9 of a backend, started again"
    case .backendPause: "SIGSTOP of a backend, then SIGCONT"
    case .backendStop: "SIGTERM of a backend, started again"
    case .postgresRestart: "immediate stop of PostgreSQL, started again"
    case .postgresFreeze: "SIGSTOP of all of PostgreSQL, then SIGCONT"
    case .postgresPause: "SIGSTOP of one connection's server process"
    case .postgresTerminate: "pg_terminate_backend of some connections"
    case .postgresLock: "jobs are locked: statements are answered late"
    case .networkCut: "a share of a backend's connections is cut"
    case .networkHold: "nothing passes to or from a backend"
    case .networkDelay: "what passes to or from a backend is late"
    case .networkRefuse: "new connections to a backend are refused"
    case .builderKill: "a builder forgets everything and comes back"
    case .builderPause: "a builder does nothing for a while"
    case .builderReconnect: "a builder changes its connection"
    case .yank: "a version is yanked, and unyanked later"
    case .replan: "a version's plan changes"
    case .operatorRetry: "`jobs retry` of a job that failed"
    case .operatorRebuild: "`jobs rebuild` of a job that succeeded"
    case .finishTwice: "a builder sends “finished” twice"
    case .wrongFence: "a builder finishes an attempt that does not exist"
    case .othersJob: "a builder finishes another one's attempt"
    case .lostHeartbeat: "a builder renews leases that are not its own"
    case .secondConnection: "another program takes jobs with a builder's key"
    }
  }

  /// How often it is chosen, relative to the others.
  var weight: Int {
    switch self {
    case .postgresRestart: 3
    case .postgresFreeze: 2
    case .replan, .operatorRetry, .operatorRebuild, .postgresLock: 4
    case .backendStop, .networkRefuse, .postgresPause: 5
    case .yank, .builderKill: 10
    case .networkCut: 12
    default: 8
    }
  }

  /// For how long, in seconds.
  var duration: ClosedRange<Double> {
    switch self {
    case .backendKill, .backendStop: 0.1...4
    case .backendPause, .builderPause: 0.5...8
    case .postgresRestart: 0.1...3
    case .postgresFreeze: 0.3...5
    case .postgresPause: 0.3...6
    case .postgresLock: 0.2...3
    case .secondConnection: 0.2...3
    case .networkHold, .networkDelay: 0.5...8
    case .networkRefuse: 0.5...5
    case .builderKill: 0.2...6
    case .yank: 0.1...6
    default: 0...0
    }
  }
}

/// One thing that is done to the farm at a certain time.
struct Fault: Codable, Sendable, Equatable {
  /// Seconds since the beginning.
  var at: Double
  var kind: FaultKind
  /// Which backend, builder or version.
  var subject: Int
  var seconds: Double
  /// How much of it, 0 to 1.
  var amount: Double

  var line: String {
    let numbers = [at, seconds, amount].map { String(Int(($0 * 1000).rounded())) }
    return "\(numbers[0]) \(kind.rawValue) \(subject) \(numbers[1]) \(numbers[2])"
  }
}
