import Blocking
import ExecutorKit

/// Reads what `cargo build` prints while it runs: messages on standard output, the rest for the log.
final class BuildOutput: Sendable {
  private struct State {
    var messages = LineSplitter(limit: 16 << 20)
    var errorLines = LineSplitter(limit: 1 << 20)
    var errorText = LogText()
    var binaries: [(name: String, path: String)] = []
    var scriptFolders: [String] = []
    var errors = BuildErrors()
    var isGarbled = false
  }
  private let log: AttemptLog
  private let state = Locked(State())

  init(log: AttemptLog) { self.log = log }

  /// The binaries that Cargo has named, in its order, and what tells of errors.
  var result: (binaries: [(name: String, path: String)], errors: BuildErrors) {
    state.withLock { ($0.binaries, $0.errors) }
  }

  /// Where the package's own build scripts have written to, in the environment's words.
  var scriptFolders: [String] { state.withLock(\.scriptFolders) }

  func add(_ output: CommandOutput) {
    let text = state.withLock { state in
      switch output.stream {
      case .standardOutput: Self.readMessages(output.bytes, &state)
      case .standardError: Self.readErrors(output.bytes, &state)
      }
    }
    log.write(text)
  }

  /// Call it when the command has ended.
  func finish() {
    let text = state.withLock { state in
      if let line = state.errorLines.finish() { state.errors.read(LogText.shown(line)) }
      return LogText.shown(state.messages.finish() ?? "") + state.errorText.finish()
    }
    log.write(text)
  }

  private static func readErrors(_ bytes: [UInt8], _ state: inout State) -> String {
    // An endless line tells nothing about errors; reading starts anew behind it.
    let lines = state.errorLines.add(bytes)
    if lines == nil { state.errorLines = LineSplitter(limit: 1 << 20) }
    for line in lines ?? [] { state.errors.read(LogText.shown(line)) }
    return state.errorText.decode(bytes)
  }

  private static func readMessages(_ bytes: [UInt8], _ state: inout State) -> String {
    guard !state.isGarbled, let lines = state.messages.add(bytes) else {
      state.isGarbled = true
      return ""
    }
    var text = ""
    for line in lines {
      switch CargoMessage.parse(line) {
      case .binary(let name, let path): state.binaries.append((name, path))
      // A crate has one build script, which Cargo may run for the host and for the target.
      case .buildScript(let folder) where state.scriptFolders.count < 8:
        state.scriptFolders.append(folder)
      case .buildScript: break
      case .text: text += LogText.shown(line) + "\n"
      case .other: break
      }
    }
    return text
  }
}
