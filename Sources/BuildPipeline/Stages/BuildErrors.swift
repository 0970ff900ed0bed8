import ExecutorKit

/// What a build printed that tells why it failed.
struct BuildErrors: Sendable {
  /// Lines that begin with `error`, as far as they help a reader: the first few.
  private(set) var firstErrors: [String] = []
  private(set) var sawFullDisk = false
  /// A process or thread could not be started (EAGAIN of clone(2)).
  private(set) var sawProcessLimit = false
  private(set) var sawLinker = false
  private(set) var sawLockfile = false
  /// A symbol that no library had.
  private(set) var sawUndefinedSymbol = false

  private static let lockfileMarks = [
    "because --locked was passed", "but --locked was passed", "failed to parse lock file",
    "lock file version", "no matching package named", "failed to select a version for",
    "changed between lock files",
  ]

  /// ENOSPC, and EFBIG and its signal where one file is as large as all may be.
  private static let fullDiskMarks = [
    "No space left on device", "(os error 28)", "File too large", "(os error 27)", "SIGXFSZ",
    "(signal: 25",
  ]

  /// Looks at one line of standard error.
  mutating func read(_ line: String) {
    if line.hasPrefix("error"), firstErrors.count < 3 { firstErrors.append(line) }
    if Self.fullDiskMarks.contains(where: line.contains) { sawFullDisk = true }
    if line.contains("Resource temporarily unavailable") || line.contains("(os error 11)") {
      sawProcessLimit = true
    }
    if line.contains("undefined symbol") || line.contains("undefined reference") {
      sawUndefinedSymbol = true
    }
    if line.hasPrefix("error: linking with") || line.hasPrefix("error: linker `") {
      sawLinker = true
    }
    if Self.lockfileMarks.contains(where: line.contains) { sawLockfile = true }
  }

  /// Why the build failed, or nil when it did not.
  func failure(of result: CommandResult, plan: Plan) -> ExecutorFailure? {
    guard var failure = failure(of: result, limits: plan.limits) else { return nil }
    if failure.failureClass == .diskFull {
      failure.message += "\nthe plan allows \(plan.limits.disk) bytes of disk"
    }
    if let remedy = remedyForZig(failure.failureClass, inputs: plan.inputs) {
      failure.message += "\n" + remedy
    }
    return failure
  }

  /// What a maintainer can do where the likely reason is that zig links against a low glibc, and looks
  /// for libraries and headers nowhere but in its own folders.
  private func remedyForZig(_ failureClass: FailureClass, inputs: BuildInputs) -> String? {
    guard inputs.linker == "zig" else { return nil }
    let gcc = "with `linker: gcc` in the recipe, the artifact tells its real floor"
    let glibc = inputs.glibc ?? "one"
    let packages = inputs.packages.values.flatMap { $0 }.sorted().joined(separator: ", ")
    switch failureClass {
    case .compile, .link:
      if !packages.isEmpty {
        return "zig does not use the system's \(packages), which may need a newer glibc than the"
          + " promised \(glibc): \(gcc)"
      }
      return failureClass == .link && sawUndefinedSymbol
        ? "what is linked may need a newer glibc than the promised \(glibc): \(gcc)" : nil
    default: return nil
    }
  }

  func failure(of result: CommandResult, limits: Limits) -> ExecutorFailure? {
    switch result.ending {
    case .exited(status: 0): nil
    case .timedOut:
      ExecutorFailure(.timeout, "the build did not end within \(limits.timeSeconds) s")
    case .outOfMemory:
      ExecutorFailure(.outOfMemory, "the build needs more memory than \(limits.memory) bytes")
    case .signalled(let number) where [2, 9, 15].contains(number):
      ExecutorFailure(.infrastructure, "the build was killed from outside by signal \(number)")
    case .exited(let status) where [125, 126, 127].contains(status):
      ExecutorFailure(
        .infrastructure,
        "cargo did not start in the environment (exit status \(status)); see the log")
    case .exited, .signalled: ExecutorFailure(failureClass, message(of: result, limits))
    }
  }

  private var failureClass: FailureClass {
    if sawFullDisk { return .diskFull }
    if sawLinker { return .link }
    // Cargo reads the lockfile before it compiles anything, and ends with that one error.
    if sawLockfile { return .lockfile }
    return .compile
  }

  private func message(of result: CommandResult, _ limits: Limits) -> String {
    let errors =
      firstErrors.isEmpty
      ? "cargo build \(result.ending.description) and printed no error; see the log"
      : firstErrors.joined(separator: "\n")
    guard sawProcessLimit else { return errors }
    return errors + "\nA process could not be started: the build is held to a limit of"
      + " \(limits.processes) processes and threads at once"
  }
}

extension CommandResult.Ending {
  /// The end of a sentence about a command.
  var description: String {
    switch self {
    case .exited(let status): "ended with exit status \(status)"
    case .signalled(let number): "was ended by signal \(number)"
    case .timedOut: "did not end in time"
    case .outOfMemory: "ran out of memory"
    }
  }
}
