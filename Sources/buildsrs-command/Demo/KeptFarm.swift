import CommandLineSupport
import Foundation
import LocalFarm
import Postgres

/// A farm that `--keep` has left running: which processes are its own.
struct KeptFarm: Codable {
  struct Member: Codable {
    let name: String
    let pid: Int32
    /// The kernel's start time, so that a number used again is not mistaken for the process.
    let startTime: String
  }
  /// In the order of their start.
  var members: [Member]
  /// Whether the demo has started the embedded database, and so stops it.
  var startedDatabase: Bool

  init(_ processes: [ChildProcess], startedDatabase: Bool) {
    members = processes.compactMap { process in
      Self.startTime(of: process.pid).map {
        Member(name: process.name, pid: process.pid, startTime: $0)
      }
    }
    self.startedDatabase = startedDatabase
  }

  /// The farm that runs, if one does.
  static func running(_ place: DemoPlace) -> KeptFarm? {
    guard let data = FileManager.default.contents(atPath: place.keptFarm),
      let farm = try? JSONDecoder().decode(KeptFarm.self, from: data),
      farm.members.contains(where: \.isRunning)
    else { return nil }
    return farm
  }

  func write(_ place: DemoPlace) throws {
    try JSONEncoder().encode(self).write(to: URL(filePath: place.keptFarm), options: .atomic)
  }

  /// Stops the farm in the reverse order of its start; does nothing where none runs.
  static func stop(_ place: DemoPlace) async throws {
    guard let farm = running(place) else {
      try? FileManager.default.removeItem(atPath: place.keptFarm)
      return print("no farm is running")
    }
    for member in farm.members.reversed() {
      await member.stop()
      print("stopped \(member.name)")
    }
    if farm.startedDatabase {
      try await EmbeddedCluster(directory: Settings().embeddedDatabaseDirectory).stop()
      print("stopped database")
    }
    try? FileManager.default.removeItem(atPath: place.keptFarm)
  }

  /// Field 22 of /proc/PID/stat (proc(5)), behind the program's name in parentheses.
  static func startTime(of pid: Int32) -> String? {
    guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
      let end = stat.lastIndex(of: ")")
    else { return nil }
    let fields = stat[end...].split(separator: " ")
    return fields.count > 20 ? String(fields[20]) : nil
  }
}

extension KeptFarm.Member {
  var isRunning: Bool { KeptFarm.startTime(of: pid) == startTime }

  /// SIGTERM, and SIGKILL after 20 s.
  func stop() async {
    let deadline = ContinuousClock.now + .seconds(20)
    if isRunning { kill(pid, SIGTERM) }
    // Only a parent can await the end of a process; this is not its parent any more.
    while isRunning, ContinuousClock.now < deadline {
      try? await Task.sleep(for: .milliseconds(50))
    }
    if isRunning { kill(pid, SIGKILL) }
  }
}
