import CommandLineSupport
import Foundation
import RegistrySync
import Synchronization

/// Shows on standard error how far a registry sync is: one line that changes where a person watches,
/// else a line now and then.
final class ProgressLine: Sendable {
  private let terminal: Terminal
  private let state = Mutex(State())

  private struct State {
    var last: ContinuousClock.Instant?
    var isShown = false
  }

  init(terminal: Terminal = Terminal()) { self.terminal = terminal }

  /// Small syncs end before anything is shown.
  func show(_ progress: SyncProgress) {
    let interval: Duration = terminal.isErrorTerminal ? .milliseconds(200) : .seconds(10)
    state.withLock { state in
      let now = ContinuousClock.now
      if let last = state.last, last.duration(to: now) < interval { return }
      defer { state.last = now }
      guard state.last != nil else { return }
      guard terminal.isErrorTerminal else { return write(progress.line + "\n") }
      // A line that is broken at the edge could not be taken away any more.
      let line = terminal.errorColumns.map { String(progress.line.prefix($0 - 1)) }
      write("\r\u{1B}[K" + (line ?? progress.line))
      state.isShown = true
    }
  }

  /// Takes the line away, so that something else can be written; it is shown again when it changes.
  func hide() {
    state.withLock { state in
      if state.isShown { write("\r\u{1B}[K") }
      state.isShown = false
    }
  }

  /// Takes the line away: a sync is over.
  func end() {
    hide()
    state.withLock { $0 = State() }
  }

  private func write(_ text: String) {
    try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
  }
}

extension SyncProgress {
  /// Such as `index: 45210 of 200013 crates (22 %), 452000 versions, 8200 crates/s, 19 s left`.
  var line: String {
    var line = stage == .index ? "index: \(done)" : "looking into .crate files: \(done)"
    if let total {
      line += " of \(total) crates (\(total > 0 ? done * 100 / total : 100) %)"
    }
    if versions > 0 { line += ", \(versions) versions" }
    line += String(
      format: ", %.\(rate < 10 ? 1 : 0)f %@/s", rate, stage == .index ? "crates" : "files")
    if let timeLeft { line += ", \(Self.text(timeLeft)) left" }
    return line
  }

  private static func text(_ duration: Duration) -> String {
    let seconds = duration.components.seconds
    if seconds < 120 { return "\(seconds) s" }
    return seconds < 7200 ? "\(seconds / 60) min" : "\(seconds / 3600) h"
  }
}
