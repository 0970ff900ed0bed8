import CommandLineSupport
import Foundation

/// What a person sees of the demo: one line a step with its time, and one that moves in a terminal.
struct DemoConsole: Sendable {
  private let terminal = Terminal()
  private let begin = ContinuousClock.now

  /// Runs a step and prints what it came to and how long it took.
  func step<Result>(_ name: String, _ work: () async throws -> (Result, String)) async throws
    -> Result
  {
    let start = ContinuousClock.now
    moving("\(name) …")
    do {
      let (result, summary) = try await work()
      line(name, summary, seconds: (ContinuousClock.now - start).inSeconds)
      return result
    } catch {
      moving("")
      throw error
    }
  }

  /// A line of two columns and a time.
  func line(_ name: String, _ text: String, seconds: Double? = nil) {
    moving("")
    let padded = name.padding(toLength: 12, withPad: " ", startingAt: 0)
    let time = seconds.map { terminal.styled("  \(format($0))", .dim) } ?? ""
    print("  \(terminal.styled(padded, .bold)) \(text)\(time)")
  }

  /// A line with the time since the beginning, for what happens while the farm works.
  func event(_ text: String, _ style: TextStyle? = nil) {
    moving("")
    let elapsed = Int((ContinuousClock.now - begin).inSeconds)
    let clock = String(format: "%2d:%02d", elapsed / 60, elapsed % 60)
    print("  \(terminal.styled(clock, .dim))  \(style.map { terminal.styled(text, $0) } ?? text)")
    flush()
  }

  /// A line that the next one replaces; nothing where nobody watches.
  func moving(_ text: String) {
    guard terminal.isOutputTerminal else { return }
    print("\r\u{1B}[K\(text.isEmpty ? "" : "  " + text.prefix(100))", terminator: "")
    flush()
  }

  func heading(_ text: String) {
    print("\n\(terminal.styled(text, .bold))")
    flush()
  }

  func table(_ table: TextTable) {
    print(table.text(for: terminal))
    flush()
  }

  private func format(_ seconds: Double) -> String { String(format: "%.1f s", seconds) }
  private func flush() { fflush(nil) }
}

extension Duration {
  var inSeconds: Double {
    Double(components.seconds) + Double(components.attoseconds) / 1e18
  }
}
