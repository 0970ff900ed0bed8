public import ExecutorKit
import Foundation

/// Runs the commands of one attempt, each in a bubblewrap sandbox and a control group of its own.
public struct Sandbox: Sendable {
  public let spec: SandboxSpec
  public let identity: AttemptIdentity
  /// A folder of the attempt's own on the host.
  private let scratchDirectory: String
  private let hierarchy: GroupHierarchy
  private let isRoot: Bool

  private static let counter = Locked(0)

  /// Where the builder is root, gives the writable mounts to `nobody`, whom commands are then.
  /// - Throws: ``ExecutorFailure`` where this machine has no control groups, or a mount cannot be
  ///   given away.
  public init(
    _ spec: SandboxSpec, identity: AttemptIdentity, scratchDirectory: String
  ) throws(ExecutorFailure) {
    guard let hierarchy = GroupHierarchy.find() else {
      throw ExecutorFailure(
        .infrastructure, "\(SandboxHealth.noGroups); \(SandboxHealth.groupRemedy)")
    }
    guard GroupName.isOwner(identity.owner) else {
      throw ExecutorFailure(.infrastructure, "“\(identity.owner)” is no builder's identity")
    }
    self.spec = spec
    self.identity = identity
    self.scratchDirectory = scratchDirectory
    self.hierarchy = hierarchy
    isRoot = geteuid() == 0
    guard isRoot else { return }
    for mount in spec.mounts where mount.isWritable {
      guard chown(mount.source, nobody, nobody) == 0 else {
        throw ExecutorFailure(
          .infrastructure,
          "cannot give \(mount.source) to user \(nobody): \(String(cString: strerror(errno)))")
      }
    }
  }

  /// Runs a command to its end. When the task is cancelled or the time is over, it and all that it
  /// has started are killed; they are gone when this returns.
  /// - Parameter output: what it prints, as it comes; called from a thread of the command's own.
  /// - Throws: ``ExecutorFailure`` where the sandbox cannot be made, or is killed from outside.
  public func run(
    _ command: EnvironmentCommand, output: @escaping @Sendable (CommandOutput) -> Void
  ) async throws -> CommandResult {
    try Task.checkCancellation()
    let number = Self.counter.withLock { number in
      number += 1
      return number
    }
    let group = ControlGroup(
      hierarchy: hierarchy,
      name: GroupName(identity: identity, process: getpid(), number: number))
    let stage = "\(scratchDirectory)/stage-\(number)"
    let words = try Launch(
      spec: spec, processFiles: group.processFiles, stage: stage, isRoot: isRoot
    ).words(for: command)
    try group.create(spec.limits)
    guard !isRoot || mkdir(stage, 0o700) == 0 || errno == EEXIST else {
      let reason = String(cString: strerror(errno))
      await group.remove()
      throw ExecutorFailure(.infrastructure, "cannot make the folder \(stage): \(reason)")
    }
    defer { if isRoot { rmdir(stage) } }
    return try await follow(command, words, in: group, output)
  }

  private func follow(
    _ command: EnvironmentCommand, _ words: [String], in group: ControlGroup,
    _ output: @escaping @Sendable (CommandOutput) -> Void
  ) async throws -> CommandResult {
    let child = ChildProcess()
    let isTimedOut = Locked(false)
    let start = ContinuousClock.now
    let timer = Task {
      try await Task.sleep(for: .seconds(command.timeLimitSeconds))
      isTimedOut.withLock { $0 = true }
      child.kill()
      group.kill()
    }
    let outcome: Result<ChildProcess.End, any Error>
    do {
      outcome = .success(
        try await withTaskCancellationHandler {
          try await child.run(words, variables: Launch.variables, output: output)
        } onCancel: {
          group.kill()
        })
    } catch { outcome = .failure(error) }
    timer.cancel()
    let elapsed = (ContinuousClock.now - start) / .seconds(1)
    let usage = group.usage
    guard await group.remove() else {
      throw ExecutorFailure(
        .infrastructure, "a process of the control group \(group.folders[0]) cannot be killed")
    }
    try Task.checkCancellation()
    let ending = try Ending.of(
      outcome.get(), isTimedOut: isTimedOut.withLock { $0 },
      killedForMemory: usage.killedForMemory)
    return CommandResult(ending, seconds: elapsed, peakMemory: usage.peakMemory)
  }

  /// Kills and removes what is left of this attempt's commands in this process. Each has removed its
  /// own; this is for one that was begun when the attempt was cancelled.
  public func tearDown() async {
    for name in hierarchy.groups(of: identity.owner)
    where name.identity == identity && name.process == getpid() {
      await ControlGroup(hierarchy: hierarchy, name: name).remove()
    }
  }

  /// Kills and removes what killed builders have left: every control group of the owner that belongs
  /// to none of the attempts alive. Mounts and namespaces go with the processes.
  public static func sweep(_ request: SweepRequest) async -> SweepReport {
    guard let hierarchy = GroupHierarchy.find(), GroupName.isOwner(request.owner) else {
      return SweepReport(removed: [])
    }
    let alive = Set(request.alive)
    var removed: [String] = []
    for name in hierarchy.groups(of: request.owner) where !alive.contains(name.identity) {
      if await ControlGroup(hierarchy: hierarchy, name: name).remove() {
        removed.append(
          "sandbox of job \(name.identity.job), attempt \(name.identity.attempt)")
      }
    }
    return SweepReport(removed: removed)
  }
}
