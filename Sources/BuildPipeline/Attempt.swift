import Blocking
import Cryptography
import ExecutorKit
import FarmModel
import Foundation
import Transfer

/// One run of the pipeline.
struct Attempt: Sendable {
  let request: HostBuildRequest
  let module: any ExecutorModule
  let emit: @Sendable (HostEvent) -> Void
  let folders: AttemptFolders
  let log: AttemptLog

  private var inputs: BuildInputs { request.plan.inputs }
  private var limits: Limits { request.plan.limits }

  init(
    request: HostBuildRequest, module: any ExecutorModule,
    emit: @escaping @Sendable (HostEvent) -> Void
  ) {
    self.request = request
    self.module = module
    self.emit = emit
    folders = AttemptFolders(request)
    log = AttemptLog(limit: request.plan.limits.log, emit: emit)
  }

  func run() async throws -> BuildReport {
    if let published = request.check { return try await check(published) }
    return try await build()
  }

  private func build() async throws -> BuildReport {
    let moduleName = module.describe().name
    var times = StageTimes(emit: emit)
    let source = try await times.measure(.fetch) {
      let folders = folders
      try await offCooperativePool { () throws(ExecutorFailure) in
        try folders.create(module: moduleName)
      }
      let client = TransferClient()
      defer { client.shutdown() }
      return try await FetchStage(request: request, folders: folders, log: log, client: client)
        .run()
    }
    let workplace = try await times.measure(.prepare) { try await prepare(moduleName) }
    return try await use(workplace) { run in
      try await runStages(run, in: workplace, source: source, times: &times)
    }
  }

  /// Where commands run, and what they see of the host.
  struct Workplace {
    let environment: any BuildEnvironment
    let folders: AttemptFolders
    /// Bytes that the compile cache had before.
    var cachedBefore: Int64 = 0
  }

  private func prepare(_ moduleName: String) async throws -> Workplace {
    let environment = try await environment(moduleName, folders)
    let identity = environment.identity
    log.line("environment \(identity.digest)")
    log.line("\(identity.rustc); \(identity.cargo); \(identity.linker)")
    // The builder's own programs run in an environment that tells what its host part is made of, and not
    // in an emulated one. It gets a compile cache, which no other environment sees.
    guard let cache = request.compileCache, identity.hostDigest != nil else {
      return Workplace(environment: environment, folders: folders)
    }
    await tearDown(environment)
    var folders = folders
    folders.compileCache = cache
    let (tools, diskLimit) = (folders.tools, limits.disk)
    let cachedBefore = try await offCooperativePool { () throws(ExecutorFailure) in
      try cache.lay(into: tools)
      return try cache.bytesBefore(diskLimit: diskLimit)
    }
    return Workplace(
      environment: try await self.environment(moduleName, folders), folders: folders,
      cachedBefore: cachedBefore)
  }

  func environment(
    _ moduleName: String, _ folders: AttemptFolders
  ) async throws -> any BuildEnvironment {
    try Task.checkCancellation()
    return try await module.prepare(
      PrepareRequest(
        identity: request.identity, plan: request.plan, limits: limits, mounts: folders.mounts,
        scratchDirectory: folders.scratch, cacheDirectory: folders.cache(ofModule: moduleName),
        filesDirectory: request.filesDirectory)
    ) { log.write($0) }
  }

  /// What the build ran in, for its record.
  func record(of workplace: Workplace) -> EnvironmentIdentity {
    var identity = workplace.environment.identity
    if workplace.folders.compileCache != nil {
      identity.facts[CompileCache.fact.name] = CompileCache.fact.value
    }
    return identity
  }

  /// What this build may share with those of other targets; nil: nothing.
  private func hostPart(in environment: any BuildEnvironment) -> HostPart? {
    // What came through a compile cache must not reach builds that do not trust it.
    guard !request.isIndependent, request.compileCache == nil,
      let folder = request.hostPartsDirectory
    else { return nil }
    return HostPart(inputs: inputs, environment: environment.identity, folder: folder)
  }

  /// A task of its own, waited for: tearing down must go on where the attempt was cancelled.
  private func tearDown(_ environment: any BuildEnvironment) async {
    await Task { await environment.tearDown() }.value
  }

  /// Runs a body in a workplace, which is torn down in every case.
  func use<Result>(
    _ workplace: Workplace, _ body: (GuardedRun) async throws -> Result
  ) async throws -> Result {
    do {
      try Task.checkCancellation()
      let result = try await body(
        GuardedRun(
          environment: workplace.environment, log: log, folders: workplace.folders,
          diskLimit: limits.disk, cachedBefore: workplace.cachedBefore))
      await tearDown(workplace.environment)
      return result
    } catch {
      await tearDown(workplace.environment)
      throw error
    }
  }

  /// Inspects binaries and starts them on their own architecture.
  func examine(
    _ binaries: [BuiltBinary], _ run: GuardedRun, _ times: inout StageTimes
  ) async throws -> [BinaryReport] {
    var reports = try await times.measure(.inspect) {
      try await InspectStage(plan: request.plan, log: log).inspect(binaries)
    }
    let smoke = SmokeStage(plan: request.plan, run: run, log: log)
    try await times.measure(.smoke) {
      let built = binaries.map(\.name)
      if let name = SmokeRules.missing(request.plan.checks.smoke, binaries: built) {
        throw ExecutorFailure(
          .smoke,
          "the recipe's smoke test is of the binary “\(name)”, and there is none of that name: "
            + built.joined(separator: ", "))
      }
      for (index, binary) in binaries.enumerated() {
        reports[index].smoke = try await smoke.test(binary)
      }
    }
    return reports
  }

  private func runStages(
    _ run: GuardedRun, in workplace: Workplace, source: FetchedSource, times: inout StageTimes
  ) async throws -> BuildReport {
    let hostPart = hostPart(in: workplace.environment)
    let binaries = try await times.measure(.build) {
      if let bytes = await hostPart?.restore(into: folders.target) {
        log.line("\(bytes) bytes of build scripts and macros come from another target's build")
      }
      return try await CompileStage(plan: request.plan, run: run, source: source).build()
    }
    await hostPart?.keep(from: folders.target)
    let reports = try await examine(binaries, run, &times)
    let built = binaries.map(\.name)
    var report = BuildReport(
      binaries: reports, leftOut: source.leftOut(built: built, wanted: inputs.binaries),
      environment: record(of: workplace), seconds: [:], artifacts: [])
    report.artifacts = try await times.measure(.package) { [report] in
      let stage = PackageStage(
        inputs: inputs, folders: folders, manifest: source.manifest, log: log)
      return try await offCooperativePool { try stage.write(binaries, facts: report) }
    }
    report.seconds = times.seconds
    return report
  }
}

/// Announces stages and measures them.
struct StageTimes {
  let emit: @Sendable (HostEvent) -> Void
  /// Wall-clock seconds by stage, to the millisecond.
  private(set) var seconds: [String: Double] = [:]

  init(emit: @escaping @Sendable (HostEvent) -> Void) { self.emit = emit }

  mutating func measure<Value>(
    _ stage: BuildStage, _ body: () async throws -> Value
  ) async throws -> Value {
    emit(.stage(stage))
    let start = ContinuousClock.now
    let value = try await body()
    let elapsed = (ContinuousClock.now - start) / .milliseconds(1)
    seconds[stage.rawValue] = elapsed.rounded() / 1000
    return value
  }
}
