import Foundation

/// What Linux tells about processes under `/proc`.
enum ProcessUsage {
  /// Processor time of a process so far, in seconds; 0 when it has ended.
  static func seconds(of process: Int32) -> Double {
    Statistics(process: process).map { ticks($0.own) } ?? 0
  }

  /// Processor time so far of a server: of the process, of its children, and of those that have ended.
  static func secondsOfFamily(of parent: Int32) -> Double {
    guard let own = Statistics(process: parent) else { return 0 }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    let children = names.compactMap { Int32($0) }.compactMap { Statistics(process: $0) }
      .filter { $0.parent == parent }
    return ticks(own.own + own.endedChildren + children.map(\.own).reduce(0, +))
  }

  /// Resident memory in bytes, now and at most so far.
  static func memory(of process: Int32) -> (now: Int, most: Int) {
    let text = (try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)) ?? ""
    func kibibytes(_ field: String) -> Int {
      let line = text.split(separator: "\n").first { $0.hasPrefix(field + ":") }
      return line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).compactMap { Int($0) }.first
        ?? 0
    }
    return (kibibytes("VmRSS") << 10, kibibytes("VmHWM") << 10)
  }

  private static func ticks(_ count: Int) -> Double {
    Double(count) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  /// The fields of `/proc/PID/stat` (proc(5)) that matter here, in clock ticks.
  private struct Statistics {
    var parent: Int32
    var own: Int
    var endedChildren: Int

    init?(process: Int32) {
      guard
        let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
        // The name before it may hold anything.
        let name = text.lastIndex(of: ")")
      else { return nil }
      let fields = text[text.index(after: name)...].split(separator: " ")
      guard fields.count > 14, let parent = Int32(fields[1]) else { return nil }
      let times = fields[11...14].compactMap { Int($0) }
      guard times.count == 4 else { return nil }
      self.parent = parent
      own = times[0] + times[1]
      endedChildren = times[2] + times[3]
    }
  }
}

/// Processor seconds that each side of a measurement has used.
struct Processors: Sendable, Encodable {
  var backend: Double
  var postgres: Double
  /// This program: the simulated builders.
  var builders: Double

  static func - (left: Processors, right: Processors) -> Processors {
    Processors(
      backend: left.backend - right.backend, postgres: left.postgres - right.postgres,
      builders: left.builders - right.builders)
  }
}
