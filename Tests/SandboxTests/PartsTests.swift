import ExecutorKit
import Foundation
import Testing

@testable import Sandbox

@Suite struct GroupNameTests {
  @Test("a group's name tells owner, job and attempt")
  func names() throws {
    let name = GroupName(
      identity: AttemptIdentity(owner: "ab12", job: 7, attempt: 3), process: 99, number: 4)
    #expect(name.leaf == "7-3-99-4")
    #expect(GroupName(owner: "ab12", leaf: name.leaf) == name)
  }

  @Test(
    "folders that are none of ours are passed over",
    arguments: ["", "cgroup.procs", "7-3-99", "7-3-99-4-5", "x-3-99-4", "7-3--99-4", "-7-3-9-9"])
  func foreign(_ leaf: String) { #expect(GroupName(owner: "ab12", leaf: leaf) == nil) }

  @Test("an owner is one word that cannot leave its folder")
  func owners() {
    #expect(GroupName.isOwner("0123456789abcdef") && GroupName.isOwner("local"))
    for text in ["", "..", "a/b", ".", "a b", String(repeating: "a", count: 65)] {
      #expect(!GroupName.isOwner(text))
    }
  }
}

@Suite struct ControlGroupTests {
  private let name = GroupName(
    identity: AttemptIdentity(owner: "o", job: 1, attempt: 2), process: 3, number: 4)
  private let limits = Limits(memory: 1000, processes: 20, cores: 2)

  private func settings(_ hierarchy: GroupHierarchy) -> [String] {
    ControlGroup(hierarchy: hierarchy, name: name).settings(limits).map { "\($0.file)=\($0.value)" }
  }

  @Test("version 1 has a folder for each controller, swap counted with memory")
  func first() {
    let hierarchy = GroupHierarchy(version: .one, roots: ["/m", "/p", "/c"], parent: "buildsrs")
    #expect(
      settings(hierarchy) == [
        "/m/buildsrs/o/1-2-3-4/memory.limit_in_bytes=1000",
        "/m/buildsrs/o/1-2-3-4/memory.memsw.limit_in_bytes=1000",
        "/p/buildsrs/o/1-2-3-4/pids.max=20",
        "/c/buildsrs/o/1-2-3-4/cpu.cfs_period_us=100000",
        "/c/buildsrs/o/1-2-3-4/cpu.cfs_quota_us=200000",
      ])
  }

  @Test("version 2: what runs in the parent makes room for the groups below it")
  func vacated() throws {
    let root = NSTemporaryDirectory() + "groups-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: root) }
    let (mine, place) = (root + "/service", root + "/service/builder")
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    try "4711\n".write(toFile: mine + "/cgroup.procs", atomically: false, encoding: .utf8)
    try "".write(toFile: place + "/cgroup.procs", atomically: false, encoding: .utf8)
    GroupHierarchy(version: .two, roots: [root], parent: "service").vacateParent()
    #expect(try String(contentsOfFile: place + "/cgroup.procs", encoding: .utf8) == "4711")
  }

  @Test("version 2 has one folder, and no swap")
  func second() {
    let hierarchy = GroupHierarchy(version: .two, roots: ["/g"], parent: "user/builder")
    #expect(
      settings(hierarchy) == [
        "/g/user/builder/o/1-2-3-4/memory.max=1000",
        "/g/user/builder/o/1-2-3-4/memory.swap.max=0",
        "/g/user/builder/o/1-2-3-4/pids.max=20",
        "/g/user/builder/o/1-2-3-4/cpu.max=200000 100000",
      ])
  }

  @Test("the machine's version is found by what is mounted")
  func find() throws {
    let folder = FileManager.default.temporaryDirectory.path + "/groups-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    func put(_ path: String, _ text: String) throws {
      let url = URL(filePath: folder + "/" + path)
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: url)
    }
    #expect(GroupHierarchy.find(mountPoint: folder, parent: nil) == nil)
    try put("cgroup.controllers", "cpu io pids\n")
    #expect(GroupHierarchy.find(mountPoint: folder, parent: nil) == nil)
    try put("cgroup.controllers", "cpu io memory pids\n")
    let second = try #require(GroupHierarchy.find(mountPoint: folder, parent: "mine"))
    #expect(second.version == .two && second.parent == "mine" && second.obstacle == nil)
    for name in ["memory", "pids", "cpu"] { try put("\(name)/cgroup.procs", "") }
    let first = try #require(GroupHierarchy.find(mountPoint: folder, parent: nil))
    #expect(first.version == .one && first.parent == "buildsrs" && first.roots.count == 3)
  }

  @Test("counters are read in the form of either version")
  func usage() {
    let first = GroupUsage(events: "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n", peak: "4096\n")
    #expect(first.killedForMemory == 2 && first.peakMemory == 4096)
    let second = GroupUsage(events: "low 0\noom 3\noom_kill 1\noom_group_kill 0\n", peak: "")
    #expect(second.killedForMemory == 1 && second.peakMemory == nil)
    #expect(GroupUsage(events: "", peak: "").killedForMemory == 0)
  }
}

@Suite struct EndingTests {
  private func ending(
    report: String = "", wait: Int32 = 0, words: String = "", isTimedOut: Bool = false,
    killed: Int = 0
  ) throws -> CommandResult.Ending {
    try Ending.of(
      ChildProcess.End(waitStatus: wait, report: report, lastWords: words),
      isTimedOut: isTimedOut, killedForMemory: killed)
  }
  private func exited(_ status: Int) -> String {
    "{ \"child-pid\": 12 }\n{ \"exit-code\": \(status) }\n"
  }

  @Test("what bubblewrap reports is the command's end")
  func reported() throws {
    #expect(try ending(report: exited(0)) == .exited(status: 0))
    #expect(try ending(report: exited(128)) == .exited(status: 128))
    #expect(try ending(report: exited(137)) == .signalled(number: 9))
    #expect(try ending(report: exited(0), isTimedOut: true) == .exited(status: 0))
  }

  @Test("the kernel's count decides about memory, where the command has failed")
  func memory() throws {
    #expect(try ending(report: exited(137), killed: 1) == .outOfMemory)
    #expect(try ending(report: exited(1), killed: 1) == .outOfMemory)
    #expect(try ending(report: exited(0), killed: 1) == .exited(status: 0))
    #expect(try ending(wait: 9, killed: 1) == .outOfMemory)
  }

  @Test("without a report it was killed for its time, or by others, or never began")
  func unreported() throws {
    #expect(try ending(report: "{ \"child-pid\": 12 }\n", wait: 9, isTimedOut: true) == .timedOut)
    let killed = #expect(throws: ExecutorFailure.self) { try ending(wait: 9) }
    #expect(killed?.message == "the sandbox was killed from outside by signal 9")
    let broken = #expect(throws: ExecutorFailure.self) {
      try ending(wait: 256, words: "bwrap: Can't find source path /x\n")
    }
    #expect(
      broken?.message == "the sandbox could not be made: bwrap: Can't find source path /x")
  }
}

@Suite struct LaunchTests {
  private func words(isRoot: Bool, emulator: Emulator? = nil) throws -> [String] {
    let root = FileManager.default.temporaryDirectory.path + "/root-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: root) }
    for name in ["usr", "dev", "tmp"] {
      try FileManager.default.createDirectory(
        atPath: "\(root)/\(name)", withIntermediateDirectories: true)
    }
    try FileManager.default.createSymbolicLink(
      atPath: root + "/bin", withDestinationPath: "usr/bin")
    let spec = SandboxSpec(
      root: root, mounts: [Mount(source: "/s/w", destination: "/build/w", isWritable: true)],
      limits: Limits(memory: 1000, disk: 77), emulator: emulator)
    return try Launch(spec: spec, processFiles: ["/g"], stage: "/stage", isRoot: isRoot).words(
      for: EnvironmentCommand(["x", "y z"], variables: ["B": "1", "A": "2"], timeLimitSeconds: 1)
    ).map { $0.replacing(root, with: "ROOT") }
  }

  private func joined(_ words: [String]) -> String { words.joined(separator: " ") }

  @Test("another user's bubblewrap binds the sources themselves")
  func user() throws {
    let text = joined(try words(isRoot: false))
    #expect(text.hasPrefix("/bin/sh -c "))
    #expect(text.contains(" sandbox 1 /g /stage /mnt 0 prlimit "))
    #expect(text.contains(" prlimit --fsize=77 --core=0 --nofile=4096 -- bwrap "))
    #expect(text.contains("--symlink usr/bin /bin --ro-bind ROOT/usr /usr --proc /proc"))
    #expect(
      text.contains("--size 500 --perms 1777 --tmpfs /tmp --bind /s/w /build/w --remount-ro /"))
    #expect(text.contains("--clearenv --setenv A 2 --setenv B 1 --setenv PATH "))
    #expect(text.hasSuffix("-- /usr/bin/env -u PWD -- x y z"))
  }

  @Test("root's bubblewrap is nobody's, with the sources in a place that only it sees")
  func root() throws {
    let text = joined(try words(isRoot: true))
    #expect(text.hasPrefix("/usr/bin/unshare --mount --propagation private -- /bin/sh -c "))
    #expect(text.contains("/mnt 2 ROOT /s/w setpriv --reuid=65534 --regid=65534 --clear-groups --"))
    #expect(text.contains("--ro-bind /mnt/0/usr /usr"))
    #expect(text.contains("--bind /mnt/1 /build/w"))
  }

  @Test("an emulator is registered between the loss of root and the sandbox")
  func emulated() throws {
    let emulator = try Emulator(processor: "aarch64")
    let words = try words(isRoot: true, emulator: emulator)
    let order = ["setpriv", "prlimit", "--map-root-user", emulator.registration, "bwrap"]
      .map { words.firstIndex(of: $0) ?? -1 }
    #expect(order == order.sorted() && !order.contains(-1))
  }

  @Test("an emulator that the kernel would not keep open is refused")
  func emulator() throws {
    let folder = FileManager.default.temporaryDirectory.path + "/binfmt-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    func read() throws { _ = try Emulator(processor: "arm", folder: folder) }
    let missing = #expect(throws: ExecutorFailure.self) { try read() }
    #expect(missing?.message.contains("install qemu-user-static") == true)
    try Data(":qemu-arm:M::x:y:/usr/bin/qemu-arm:OP".utf8)
      .write(to: URL(filePath: folder + "/qemu-arm.conf"))
    let unusable = #expect(throws: ExecutorFailure.self) { try read() }
    #expect(unusable?.message.contains("flag F") == true)
  }
}
