import ExecutorKit
import Foundation

/// The control group of one command: its limits, its processes, and what they have used.
struct ControlGroup: Sendable {
  let hierarchy: GroupHierarchy
  let name: GroupName

  /// Its folders: one for each controller in version 1.
  var folders: [String] {
    hierarchy.folders(of: name.identity.owner).map { "\($0)/\(name.leaf)" }
  }
  /// The files into which a process writes its number to join.
  var processFiles: [String] { folders.map { $0 + "/cgroup.procs" } }

  /// Makes the group with its limits.
  /// - Throws: ``ExecutorFailure``; nothing is left then.
  func create(_ limits: Limits) throws(ExecutorFailure) {
    do throws(ExecutorFailure) {
      try makeFolders()
      for (file, value, isNeeded) in settings(limits) where isNeeded || access(file, F_OK) == 0 {
        try Self.write(value, to: file)
      }
    } catch {
      removeFolders()
      throw error
    }
  }

  /// Limits as files with their values, in the order in which they must be written; the ones that a
  /// kernel may lack (accounting of swap) are not needed.
  func settings(_ limits: Limits) -> [(file: String, value: String, isNeeded: Bool)] {
    let memory = String(limits.memory)
    let period = 100_000
    switch hierarchy.version {
    case .one:
      let (memoryFolder, pids, cpu) = (folders[0], folders[1], folders[2])
      var settings = [
        (memoryFolder + "/memory.limit_in_bytes", memory, true),
        (memoryFolder + "/memory.memsw.limit_in_bytes", memory, false),
        (pids + "/pids.max", String(limits.processes), true),
      ]
      if let cores = limits.cores {
        settings.append((cpu + "/cpu.cfs_period_us", String(period), true))
        settings.append((cpu + "/cpu.cfs_quota_us", String(max(1, cores) * period), true))
      }
      return settings
    case .two:
      let folder = folders[0]
      var settings = [
        (folder + "/memory.max", memory, true), (folder + "/memory.swap.max", "0", false),
        (folder + "/pids.max", String(limits.processes), true),
      ]
      if let cores = limits.cores {
        settings.append((folder + "/cpu.max", "\(max(1, cores) * period) \(period)", true))
      }
      return settings
    }
  }

  /// What the group's processes have used.
  var usage: GroupUsage {
    let folder = folders[0]
    let files =
      hierarchy.version == .one
      ? ("memory.oom_control", "memory.max_usage_in_bytes") : ("memory.events", "memory.peak")
    return GroupUsage(
      events: Self.read(folder + "/" + files.0), peak: Self.read(folder + "/" + files.1))
  }

  /// Kills every process of the group that is there now.
  func kill() {
    if hierarchy.version == .two, (try? Self.write("1", to: folders[0] + "/cgroup.kill")) != nil {
      return
    }
    for pid in processes { _ = Glibc.kill(pid, SIGKILL) }
  }

  private var processes: Set<pid_t> {
    Set(
      processFiles.flatMap { file in
        Self.read(file).split(separator: "\n").compactMap { pid_t($0) }
      })
  }

  /// Kills what is left, waits until it is gone, and removes the group; goes on where the task was
  /// cancelled.
  /// - Returns: whether it is gone. After 10 s it is not: a process hangs in the kernel.
  @discardableResult
  func remove() async -> Bool {
    await Task {
      for _ in 0..<2000 {
        if removeFolders() { return true }
        kill()
        try? await Task.sleep(for: .milliseconds(5))
      }
      return false
    }.value
  }

  /// - Returns: whether none is left. Folders above that are empty go, too.
  @discardableResult
  private func removeFolders() -> Bool {
    var isGone = true
    for folder in folders where rmdir(folder) != 0 && errno != ENOENT { isGone = false }
    guard isGone else { return false }
    for folder in hierarchy.folders(of: name.identity.owner) {
      // Fails where another group is still in it. A parent that an operator has made is his.
      if rmdir(folder) == 0, hierarchy.parent == GroupHierarchy.defaultParent {
        rmdir((folder as NSString).deletingLastPathComponent)
      }
    }
    return true
  }

  private func makeFolders() throws(ExecutorFailure) {
    hierarchy.vacateParent()
    for (root, folder) in zip(hierarchy.roots, folders) {
      let path = folder.dropFirst(root.utf8.count + 1).split(separator: "/").map(String.init)
      // A command that ends beside this one may remove the folders above at any moment.
      var error: Int32 = 0
      for _ in 0..<20 {
        error = Self.makeFolders(root, path, isSecond: hierarchy.version == .two)
        if error != ENOENT { break }
      }
      guard error == 0 else {
        throw ExecutorFailure(
          .infrastructure,
          "cannot make the control group \(folder): \(String(cString: strerror(error)));"
            + " \(SandboxHealth.groupRemedy)")
      }
    }
  }

  private static func makeFolders(_ root: String, _ path: [String], isSecond: Bool) -> Int32 {
    var folder = root
    for (index, part) in path.enumerated() {
      // Version 2: a group has the controllers that the one above passes on. Where it passes them on
      // already, a user who may not say so need not.
      if isSecond { try? write("+memory +pids +cpu", to: folder + "/cgroup.subtree_control") }
      folder += "/" + part
      let isLeaf = index == path.count - 1
      if mkdir(folder, 0o755) != 0 && (errno != EEXIST || isLeaf) { return errno }
    }
    return 0
  }

  private static func write(_ value: String, to file: String) throws(ExecutorFailure) {
    let descriptor = open(file, O_WRONLY | O_CLOEXEC)
    defer { if descriptor >= 0 { close(descriptor) } }
    let bytes = Array(value.utf8)
    guard descriptor >= 0, Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
      throw ExecutorFailure(
        .infrastructure,
        "cannot write \(value) to \(file): \(String(cString: strerror(errno)));"
          + " \(SandboxHealth.groupRemedy)")
    }
  }

  private static func read(_ file: String) -> String {
    (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
  }
}

/// What the processes of a group have used, by the kernel's counters.
struct GroupUsage: Sendable, Equatable {
  /// How many of its processes the kernel has killed for want of memory.
  var killedForMemory: Int
  /// Bytes, files in the page cache among them; nil where the kernel does not tell.
  var peakMemory: Int64?

  /// - Parameter events: Lines of a word and a number, of which `oom_kill` counts.
  init(events: String, peak: String) {
    let line = events.split(separator: "\n").first { $0.hasPrefix("oom_kill ") }
    killedForMemory = line.flatMap { Int($0.dropFirst("oom_kill ".count)) } ?? 0
    peakMemory = Int64(peak.trimmingCharacters(in: .whitespacesAndNewlines))
  }
}
