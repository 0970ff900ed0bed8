import Foundation
import Testing

/// Holds a whole suite against the promise that it leaves nothing on the host, and writes the report.
struct HostUnchanged: SuiteTrait, TestScoping {
  let isRecursive = false

  func provideScope(
    for test: Test, testCase: Test.Case?, performing body: @Sendable () async throws -> Void
  ) async throws {
    let (interfaces, networks) = (Self.interfaces(), await Self.networks())
    try await body()
    var found = await Leftovers.await(of: TrialNames.run, within: .seconds(2))
    found += Self.files()
    found += await Self.newInterfaces(since: interfaces)
    found += await Self.networks().subtracting(networks).map { "network \($0)" }
    for leftover in found { Issue.record("the run has left \(leftover)") }
    try await ConformanceReport.shared.write(leftovers: found)
  }

  /// Files in the usual places that are named after this run.
  private static func files() -> [String] {
    ["/tmp", "/var/tmp", "/dev/shm", "/run", NSHomeDirectory()].flatMap { folder in
      let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
      return names.filter { $0.contains(TrialNames.run) }.map { "the file \(folder)/\($0)" }
    }
  }

  private static func interfaces() -> Set<String> {
    Set((try? FileManager.default.contentsOfDirectory(atPath: "/sys/class/net")) ?? [])
  }

  /// Somebody else's container may have one for a while: waited for, and passed over as long as
  /// such a container runs.
  private static func newInterfaces(since before: Set<String>) async -> [String] {
    let deadline = ContinuousClock.now + .seconds(10)
    while true {
      var new = interfaces().subtracting(before)
      if await EngineView.containers().contains(where: { $0.state == "running" }) {
        new = new.filter { !$0.hasPrefix("veth") }
      }
      if new.isEmpty || ContinuousClock.now > deadline { return new.map { "interface \($0)" } }
      // Nobody tells when an interface of somebody else's container is gone.
      try? await Task.sleep(for: .milliseconds(200))
    }
  }

  private static func networks() async -> Set<String> {
    Set(await EngineView.networks().map(\.name))
  }
}
