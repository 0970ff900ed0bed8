import Foundation

/// All that one run has measured; written as JSON, times in milliseconds, sizes in bytes.
struct Report: Sendable, Encodable {
  struct Machine: Sendable, Encodable {
    var processor: String
    var cores: Int
    var memoryBytes: UInt64
    var kernel: String
    /// Load average over a minute before the first measurement: what others do on this machine.
    var loadBefore: Double

    static func current() -> Machine {
      func text(_ path: String) -> String {
        (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
      }
      let model = text("/proc/cpuinfo").split(separator: "\n").first { $0.hasPrefix("model name") }
      return Machine(
        processor: model.flatMap { $0.split(separator: ":").last }.map {
          $0.trimmingCharacters(in: .whitespaces)
        } ?? "",
        cores: ProcessInfo.processInfo.activeProcessorCount,
        memoryBytes: ProcessInfo.processInfo.physicalMemory,
        kernel: text("/proc/sys/kernel/osrelease").trimmingCharacters(in: .whitespacesAndNewlines),
        loadBefore: text("/proc/loadavg").split(separator: " ").first.flatMap { Double($0) } ?? 0)
    }
  }

  var machine = Machine.current()
  var isQuick: Bool
  /// Backends are processes of the real program `buildsrs backend`, one at a time.
  var backend = "one process of buildsrs backend"
  /// The server's.
  var settings: [String: String] = [:]
  var idleFarms: [IdleFarm] = []
  var idleBuilders: IdleBuilders?
  var claims: [ClaimLatency] = []
  var throughput: [Throughput] = []
  /// How many jobs waited during ``throughput``.
  var throughputRows = 0
  var load: Load?

  init(isQuick: Bool) { self.isQuick = isQuick }

  /// Written after every measurement: a run that is interrupted has told what it found.
  func write(to path: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    try encoder.encode(self).write(to: URL(filePath: path), options: .atomic)
  }
}
