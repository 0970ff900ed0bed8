import ExecutorKit
import Foundation

/// Where this machine has control groups (cgroups(7)), and in which of the two versions.
struct GroupHierarchy: Sendable, Equatable {
  enum Version: Sendable, Equatable { case one, two }
  let version: Version
  /// The folders in which a group has a folder of its own: one for each controller in version 1.
  let roots: [String]
  /// The group below which all of ours are, relative to each root.
  let parent: String

  /// The variable that names another parent: one that was given to the builder's user.
  static let parentVariable = "BUILDSRS_CGROUP"
  static let defaultParent = "buildsrs"
  private static let controllers = ["memory", "pids", "cpu"]

  /// What the machine has; nil: no control groups with the controllers that are needed.
  static func find(
    mountPoint: String = "/sys/fs/cgroup",
    parent: String? = ProcessInfo.processInfo.environment[parentVariable]
  ) -> GroupHierarchy? {
    let parent = parent ?? defaultParent
    let separate = controllers.map { "\(mountPoint)/\($0)" }
    if separate.allSatisfy({ exists("\($0)/cgroup.procs") }) {
      return GroupHierarchy(version: .one, roots: separate, parent: parent)
    }
    let offered = (try? String(contentsOfFile: "\(mountPoint)/cgroup.controllers", encoding: .utf8))
    let names = (offered ?? "").split(whereSeparator: \.isWhitespace).map(String.init)
    guard Set(controllers).isSubset(of: names) else { return nil }
    return GroupHierarchy(version: .two, roots: [mountPoint], parent: parent)
  }

  /// Why no group can be made here; nil: it can.
  var obstacle: String? {
    for root in roots {
      // The parent if it is there, else the folder in which it would be made.
      var path = "\(root)/\(parent)"
      while !Self.exists(path), path.utf8.count > root.utf8.count {
        path = (path as NSString).deletingLastPathComponent
      }
      if access(path, W_OK) != 0 { return "\(path): \(String(cString: strerror(errno)))" }
    }
    return nil
  }

  /// Moves processes out of the parent into a group beside ours: in version 2, a group that has processes
  /// passes no controllers on to those below it (cgroups(7), "no internal processes"), and a service that
  /// systemd gives a group to (`Delegate=`) starts in it. Does nothing where the parent is empty.
  func vacateParent() {
    guard version == .two else { return }
    let path = "\(roots[0])/\(parent)"
    let found = (try? String(contentsOfFile: path + "/cgroup.procs", encoding: .utf8)) ?? ""
    let processes = found.split(separator: "\n")
    guard !processes.isEmpty else { return }
    let place = path + "/builder"
    mkdir(place, 0o755)
    for process in processes {
      // One that has ended meanwhile cannot be moved, and need not be.
      let file = open(place + "/cgroup.procs", O_WRONLY | O_CLOEXEC)
      guard file >= 0 else { return }
      _ = write(file, String(process), process.utf8.count)
      close(file)
    }
  }

  /// The folders of an owner, one in each root.
  func folders(of owner: String) -> [String] { roots.map { "\($0)/\(parent)/\(owner)" } }

  /// The groups that are there for an owner.
  func groups(of owner: String) -> [GroupName] {
    let names = folders(of: owner).flatMap {
      (try? FileManager.default.contentsOfDirectory(atPath: $0)) ?? []
    }
    return Set(names).sorted().compactMap { GroupName(owner: owner, leaf: $0) }
  }

  private static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }
}
