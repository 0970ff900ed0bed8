import ExecutorKit
import Foundation

/// Where the fake module "runs" commands: recognises the pipeline's and plays the script.
struct FakeEnvironment: BuildEnvironment {
  let request: PrepareRequest
  let script: FakeScript

  var identity: EnvironmentIdentity {
    EnvironmentIdentity(
      digest: "sha256:" + String(repeating: "0", count: 64),
      rustc: "rustc \(script.toolchain) (fake)", cargo: "cargo \(script.toolchain) (fake)",
      linker: "fake ld 1.0", hostDigest: script.hostDigest, facts: ["module": "fake"])
  }

  func run(
    _ command: EnvironmentCommand, output: @escaping @Sendable (CommandOutput) -> Void
  ) async throws -> CommandResult {
    let start = ContinuousClock.now
    let isBuild = command.arguments.first == "cargo" && command.arguments.contains("build")
    if isBuild {
      try await announceAndWait(output)
    } else {
      let answer =
        script.answer ?? "\(request.plan.inputs.crate) \(request.plan.inputs.version)"
      output(CommandOutput(.standardOutput, Array((answer + "\n").utf8)))
    }
    let ending = try await play(isBuild ? script.command : script.smoke, output)
    if isBuild, ending == .exited(status: 0) { try produce(output) }
    let elapsed = (ContinuousClock.now - start) / .seconds(1)
    return CommandResult(ending, seconds: elapsed, peakMemory: 1 << 20)
  }

  func tearDown() async {
    switch script.tearDown {
    case "crash": fatalError("told to crash in tearDown")
    case "hang": await hang()
    default: break
    }
  }

  /// Tells that the build has begun, prints its log, and blocks until the file appears.
  private func announceAndWait(_ output: @Sendable (CommandOutput) -> Void) async throws {
    output(CommandOutput(.standardError, Array("fake: build begins\n".utf8)))
    if !script.log.isEmpty {
      output(CommandOutput(.standardError, Array((script.log + "\n").utf8)))
    }
    while !script.waitFor.isEmpty, !FileManager.default.fileExists(atPath: script.waitFor) {
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  private func play(
    _ instruction: String, _ output: @Sendable (CommandOutput) -> Void
  ) async throws -> CommandResult.Ending {
    let words = instruction.split(separator: ":")
    let number = words.count > 1 ? Int32(words[1]) ?? 1 : 1
    switch words.first {
    case "exit": return .exited(status: number)
    case "signal": return .signalled(number: number)
    case "timeout": return .timedOut
    case "oom": return .outOfMemory
    case "fail": throw script.failure(in: instruction)
    case "crash": fatalError("told to crash in run")
    case "hang": await hang()
    case "wait": try await waitUntilCancelled {}
    case "chatter":
      try await waitUntilCancelled {
        output(
          CommandOutput(.standardError, Array(String(repeating: "chatter\n", count: 512).utf8)))
      }
    default: return .exited(status: 0)
    }
  }

  private func waitUntilCancelled(_ meanwhile: () -> Void) async throws -> Never {
    while true {
      meanwhile()
      try await Task.sleep(for: .milliseconds(10))
    }
  }

  /// Copies the ELF file to where Cargo would have left it, and says so as Cargo does.
  private func produce(_ output: @Sendable (CommandOutput) -> Void) throws {
    let inputs = request.plan.inputs
    guard !script.binary.isEmpty,
      let target = request.mounts.first(where: { $0.destination == "/build/target" })
    else { return output(line(#"{"reason":"build-finished","success":true}"#)) }
    try buildHostPart(below: target.source, output)
    let name = script.name ?? inputs.crate
    let folder = "\(inputs.target)/release"
    try FileManager.default.createDirectory(
      atPath: "\(target.source)/\(folder)", withIntermediateDirectories: true)
    let file = "\(target.source)/\(folder)/\(name)"
    try? FileManager.default.removeItem(atPath: file)
    do { try FileManager.default.copyItem(atPath: script.binary, toPath: file) } catch {
      throw ExecutorFailure(.infrastructure, "fake: cannot copy \(script.binary): \(error)")
    }
    if script.isUnstable, let handle = FileHandle(forWritingAtPath: file) {
      try handle.seekToEnd()
      try handle.write(contentsOf: Data(UUID().uuidString.utf8))
      try handle.close()
    }
    output(
      line(
        #"{"reason":"compiler-artifact","package_id":"path+file:///build/crate","#
          + #""target":{"kind":["bin"],"name":"\#(name)"},"#
          + #""executable":"/build/target/\#(folder)/\#(name)"}"#))
    output(line(#"{"reason":"build-finished","success":true}"#))
  }

  /// Tells what is there of the host's part, and adds to it, as Cargo would a build script.
  private func buildHostPart(
    below target: String, _ output: @Sendable (CommandOutput) -> Void
  ) throws {
    let folder = target + "/release"
    let found = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    output(
      CommandOutput(
        .standardError, Array("fake: host part: \(found.sorted().joined(separator: " "))\n".utf8)))
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Data().write(to: URL(filePath: "\(folder)/by-\(request.identity.attempt)"))
  }

  private func line(_ text: String) -> CommandOutput {
    CommandOutput(.standardOutput, Array((text + "\n").utf8))
  }
}
