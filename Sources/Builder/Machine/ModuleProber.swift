import BuildPipeline
public import BuilderProtocol
public import ExecutorKit
import Foundation

/// One executor module as it was found.
public struct ProbedModule: Sendable, Equatable {
  /// The shared library.
  public var path: String
  /// What it says of itself; nil: it cannot be used.
  public var description: ModuleDescription?
  /// The health of its targets, by triple.
  public var targets: [String: TargetHealth]
  /// Engines and emulators that it found.
  public var facts: [String: String]
  /// What went wrong; nil: nothing.
  public var problem: String?

  /// The name under which targets choose it; guessed from the file where the module cannot tell:
  /// `libDockerCrossExecutor.so` is `docker-cross`.
  public var name: String { description?.name ?? Self.guessedName(path) }

  static func guessedName(_ path: String) -> String {
    let file = URL(filePath: path).deletingPathExtension().lastPathComponent
    let core = file.dropFirst(file.hasPrefix("lib") ? 3 : 0).replacing("Executor", with: "")
    var name = ""
    var isBehindLowercase = false
    for character in core {
      if character.isUppercase, isBehindLowercase { name.append("-") }
      isBehindLowercase = character.isLowercase
      name += character.lowercased()
    }
    return name
  }
}

/// Asks every module what it can do here, in children with a time limit.
public struct ModuleProber: Sendable {
  public var program: HostProgram
  public var modulesDirectory: String
  /// `targets/executors`.
  public var filesDirectory: String
  /// What modules keep for all builders of this machine, a folder for each.
  public var cacheDirectory: String
  public var targets: [OfferedTarget]
  /// Where children's standard error is kept while they run.
  public var scratchDirectory: String
  public var timeLimit: Duration

  public init(
    program: HostProgram, modulesDirectory: String, filesDirectory: String,
    cacheDirectory: String, targets: [OfferedTarget], scratchDirectory: String,
    timeLimit: Duration = .seconds(20)
  ) {
    self.program = program
    self.modulesDirectory = modulesDirectory
    self.filesDirectory = filesDirectory
    self.cacheDirectory = cacheDirectory
    self.targets = targets
    self.scratchDirectory = scratchDirectory
    self.timeLimit = timeLimit
  }

  /// The shared libraries `lib*Executor.so` of the modules directory, sorted.
  /// - Throws: ``BuilderSetupError`` where the directory cannot be read.
  public func modulePaths() throws -> [String] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: modulesDirectory)
        .filter { $0.hasPrefix("lib") && $0.hasSuffix("Executor.so") }
        .sorted().map { modulesDirectory + "/" + $0 }
    } catch {
      throw BuilderSetupError(
        "the modules directory \(modulesDirectory) cannot be read; give it with --modules-directory"
      )
    }
  }

  /// Every module with the health of its targets; never fails for a module's sake.
  public func probeAll() async throws -> [ProbedModule] {
    let paths = try modulePaths()
    return await withTaskGroup(of: ProbedModule.self) { group in
      for path in paths { group.addTask { await probe(path) } }
      return await group.reduce(into: []) { $0.append($1) }.sorted { $0.path < $1.path }
    }
  }

  private func probe(_ path: String) async -> ProbedModule {
    var module = ProbedModule(path: path, targets: [:], facts: [:])
    do {
      if case .described(let description) = try await ask(.describe, path) {
        module.description = description
      }
      let mine = targets.filter { $0.executor == module.name }
      guard !mine.isEmpty else { return module }
      let request = ProbeRequest(
        targets: mine.map { .init(triple: $0.triple, configuration: $0.configuration) },
        filesDirectory: filesDirectory, cacheDirectory: "\(cacheDirectory)/\(module.name)")
      if case .probed(let report) = try await ask(.probe(request), path) {
        module.targets = report.targets
        module.facts = report.facts
      }
    } catch {
      module.problem = "\(error)"
    }
    return module.completed(for: targets)
  }

  private func ask(_ request: HostRequest, _ path: String) async throws -> HostEvent {
    try await program.run(
      request, module: path, silenceLimit: timeLimit, control: HostControl(),
      errorFile: scratchDirectory + "/probe-\(UInt64.random(in: 0...UInt64.max)).stderr")
  }

  /// Removes what attempts that are no longer alive have left behind, in every module.
  /// - Returns: What was removed and what went wrong, a line each.
  public func sweep(owner: String, alive: [AttemptReference]) async -> [String] {
    let request = SweepRequest(
      owner: owner,
      alive: alive.map { AttemptIdentity(owner: owner, job: $0.job, attempt: $0.attempt) })
    var lines: [String] = []
    for path in (try? modulePaths()) ?? [] {
      let name = ProbedModule.guessedName(path)
      do {
        if case .swept(let report) = try await ask(.sweep(request), path) {
          lines += report.removed.map { "\(name): removed \($0)" }
        }
      } catch let failure as HostFailure where failure.kind == .refused {
        continue  // The probe tells it.
      } catch {
        lines.append("\(name): sweep failed: \(error)")
      }
    }
    return lines
  }
}

extension ProbedModule {
  /// With an answer for each of its targets, whatever the module has said.
  func completed(for offered: [OfferedTarget]) -> ProbedModule {
    var whole = self
    let reason = problem ?? "the module did not answer for this target"
    for target in offered where target.executor == name && targets[target.triple] == nil {
      whole.targets[target.triple] = .unhealthy(
        reason: reason,
        remedy: "run `buildsrs-builder probe` and see what \(path) needs, or replace it")
    }
    return whole
  }
}

extension Capabilities {
  /// What a machine with these modules can do.
  public init(
    modules: [ProbedModule], offered: [OfferedTarget], machine: MachineFacts,
    labels: [String: String], slots: Int
  ) {
    let byName = Dictionary(modules.map { ($0.name, $0) }) { first, _ in first }
    self.init(
      modules: modules.compactMap { module in
        module.description.map { Module(name: $0.name, version: $0.version) }
      },
      targets: offered.map { target in
        Target(
          triple: target.triple, module: target.executor,
          health: byName[target.executor]?.targets[target.triple]
            ?? .absent(reason: "this builder has no module “\(target.executor)”"))
      },
      architecture: machine.architecture, cores: machine.cores, memoryBytes: machine.memoryBytes,
      diskBytes: machine.diskBytes, labels: labels, slots: slots)
  }
}

extension ModuleProber {
  /// The shared library of the module of a name.
  /// - Throws: ``BuilderSetupError`` that tells which modules there are and what is wrong with them.
  public func modulePath(of name: String) async throws -> String {
    let found = try await describeAll()
    if let module = found.first(where: { $0.description?.name == name }) { return module.path }
    let known = found.map { module in
      module.problem.map { "\(module.path) (\($0))" } ?? module.name
    }
    throw BuilderSetupError(
      "there is no module “\(name)” in \(modulesDirectory); there are: "
        + (known.isEmpty ? "none" : known.joined(separator: ", ")))
  }

  /// Every module's description only.
  private func describeAll() async throws -> [ProbedModule] {
    var describing = self
    describing.targets = []
    return try await describing.probeAll()
  }
}
