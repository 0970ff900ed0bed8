import Foundation
import Transfer

/// What a build has left on the host: everything that carries its builder's name.
///
/// By the name and not by a comparison of before and after, since a machine runs other things, too.
enum Leftovers {
  /// Looks until nothing is found or the time is over; one line each.
  static func await(of owner: String, within limit: Duration = .zero) async -> [String] {
    let deadline = ContinuousClock.now + limit
    while true {
      let found = await look(for: owner)
      if found.isEmpty || ContinuousClock.now >= deadline { return found }
      // Nobody tells when a process, mount or container of somebody else is gone.
      try? await Task.sleep(for: .milliseconds(50))
    }
  }

  /// - Parameter owner: a builder's name, or the beginning of several.
  static func look(for owner: String) async -> [String] {
    let mounts = mounts(owner)
    return mounts + processes(owner, mountsAreClean: mounts.isEmpty) + cgroups(owner)
      + (await containers(owner)) + interfaces(owner)
  }

  private static func mounts(_ owner: String) -> [String] {
    lines("/proc/self/mountinfo").filter { $0.contains(owner) }.map { "mount: \($0)" }
  }

  /// Processes that are named after the owner, have it in a variable, or live among its mounts.
  private static func processes(_ owner: String, mountsAreClean: Bool) -> [String] {
    let own = String(getpid())
    return numbers("/proc").filter { $0 != own }.compactMap { number in
      // What the test's own process hands to children (a compiler, a shell) is none of the build's.
      let parts = ["cmdline", "environ"] + (mountsAreClean ? ["mountinfo"] : [])
      let isOurs = parts.contains { contents("/proc/\(number)/\($0)").contains(owner) }
      guard isOurs, !isGone(number) else { return nil }
      let words = contents("/proc/\(number)/cmdline").split(separator: "\0").prefix(6)
      return "process \(number): \(words.joined(separator: " "))"
    }
  }

  /// A process that has ended, or ends at the moment, has no memory any more.
  private static func isGone(_ number: String) -> Bool {
    let state = lines("/proc/\(number)/status").first { $0.hasPrefix("State:") } ?? ""
    return state.isEmpty || state.contains("X") || state.contains("Z")
  }

  private static func cgroups(_ owner: String) -> [String] {
    let found = FileManager.default.enumerator(atPath: "/sys/fs/cgroup")
    return (found?.compactMap { $0 as? String } ?? []).filter { path in
      URL(filePath: path).lastPathComponent.contains(owner)
    }.map { "cgroup \($0)" }
  }

  /// Network interfaces are named in the same way, where a module makes any.
  private static func interfaces(_ owner: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/sys/class/net")) ?? []
    return names.filter { $0.contains(owner) }.map { "network interface \($0)" }
  }

  private static func containers(_ owner: String) async -> [String] {
    await EngineView.containers().filter { container in
      container.labels?.values.contains { $0.hasPrefix(owner) } == true
    }.map { "container \($0.id.prefix(12)) (\($0.state))" }
  }

  private static func contents(_ path: String) -> String {
    String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
  }
  private static func lines(_ path: String) -> [String] {
    contents(path).split(separator: "\n").map(String.init)
  }
  private static func numbers(_ folder: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.filter { $0.allSatisfy(\.isNumber) }
  }
}

/// What a Docker Engine of this machine has, where there is one.
enum EngineView {
  struct Container: Decodable, Sendable {
    let id: String
    let state: String
    let labels: [String: String]?

    private enum CodingKeys: String, CodingKey {
      case id = "Id"
      case state = "State"
      case labels = "Labels"
    }
  }
  struct Network: Decodable, Sendable {
    let id: String
    let name: String

    private enum CodingKeys: String, CodingKey {
      case id = "Id"
      case name = "Name"
    }
  }

  static func containers() async -> [Container] { await list("/containers/json?all=1") }
  static func networks() async -> [Network] { await list("/networks") }

  private static func list<Item: Decodable>(_ path: String) async -> [Item] {
    let address = ProcessInfo.processInfo.environment["DOCKER_HOST"] ?? ""
    let socket =
      address.hasPrefix("unix://") ? String(address.dropFirst(7)) : "/var/run/docker.sock"
    guard FileManager.default.fileExists(atPath: socket) else { return [] }
    let client = TransferClient()
    defer { client.shutdown() }
    let request = TransferRequest(
      url: "http://engine/v1.41" + path, unixSocket: socket, timeout: .seconds(10))
    guard let response = try? await client.perform(request), response.isSuccess else { return [] }
    return (try? JSONDecoder().decode([Item].self, from: Data(response.body))) ?? []
  }
}
