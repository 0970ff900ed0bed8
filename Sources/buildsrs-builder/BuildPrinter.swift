import BuildPipeline
import CommandLineSupport
import ExecutorKit
import FarmModel
import Foundation

/// Shows a build by hand: stages and log on standard error as they come, the summary at the end.
actor BuildPrinter {
  private let terminal: Terminal
  private let start = ContinuousClock.now
  /// Whether the log's last piece did not end its line.
  private var isInsideLine = false

  init(terminal: Terminal) { self.terminal = terminal }

  func begin(_ plan: Plan) {
    let inputs = plan.inputs
    terminal.printError(
      "\(inputs.crate) \(inputs.version) for \(inputs.target) by \(inputs.executor)")
  }

  func show(_ event: HostEvent) {
    switch event {
    case .stage(let stage):
      let elapsed = (ContinuousClock.now - start) / .seconds(1)
      let time = String(format: "%7.1f s", elapsed)
      if isInsideLine { write("\n") }
      isInsideLine = false
      write(terminal.styled("\(time)  \(stage.rawValue)\n", .bold, .cyan, for: .error))
    case .log(let text):
      guard !text.isEmpty else { return }
      write(text)
      isInsideLine = !text.hasSuffix("\n")
    default: break
    }
  }

  private func write(_ text: String) {
    try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
  }

  static func json(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  /// What was built, for people; nil: nothing was.
  nonisolated func summary(_ result: LocalResult) -> String? {
    guard let report = result.report else { return nil }
    let plan = result.plan
    var lines = [
      terminal.styled("built", .bold, .green)
        + " \(plan.inputs.crate) \(plan.inputs.version) for \(plan.inputs.target)"
    ]
    for binary in report.binaries { lines += Self.lines(binary) }
    for binary in report.leftOut {
      lines.append(
        "  \(binary.name): not built, needs \(binary.requiredFeatures.joined(separator: ", "))")
    }
    lines.append("  toolchain: \(report.environment.rustc)")
    let seconds = BuildStage.allCases.compactMap { stage in
      report.seconds[stage.rawValue].map { String(format: "\(stage.rawValue) %.1f s", $0) }
    }
    lines.append("  times: " + seconds.joined(separator: ", "))
    if let finding = result.reproducibility { lines.append("  " + Self.line(finding)) }
    lines += (result.paths + result.otherPaths).map { "  \($0)" }
    return lines.joined(separator: "\n")
  }

  private static func line(_ finding: ReproducibilityFinding) -> String {
    switch finding.verdict {
    case .reproduced: "built twice with the same bytes"
    case .differs: "built twice, differs: " + finding.differing.joined(separator: ", ")
    case .untested: "built once"
    }
  }

  private static func lines(_ binary: BinaryReport) -> [String] {
    let inspection = binary.inspection
    let needed = inspection.needed.isEmpty ? "nothing" : inspection.needed.joined(separator: " ")
    return [
      """
        \(binary.name): \(inspection.format) \(inspection.machine), \(binary.size) bytes, \
      glibc \(inspection.glibcFloor.map { "\($0) or newer" } ?? "not needed"), needs \(needed)
      """
    ]
      + binary.smoke.map { smoke in
        let first = smoke.output.split(separator: "\n").first.map(String.init) ?? ""
        let arguments = smoke.arguments.joined(separator: " ")
        return "    \(binary.name) \(arguments): \(smoke.verdict.rawValue): \(first)"
      }
  }
}
