import Blocking
import Foundation
import Testing

@Suite("How much room folders take")
struct DiskUsageTests {
  private func withTree(_ script: String, _ body: (String) throws -> Void) throws {
    let folder = NSTemporaryDirectory() + "disk-usage-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { removeTree(folder) }
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/python3")
    process.arguments = ["-c", "import os\nos.chdir('\(folder)')\n" + script]
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
    try body(folder)
  }

  private static func nested(_ count: Int) -> String {
    """
    for _ in range(\(count)):
        os.mkdir('x' * 200); os.chdir('x' * 200)
    open('big', 'wb').write(b'1' * (1 << 20))
    """
  }

  @Test("a file behind a path that is too long counts, and can be removed")
  func longPath() throws {
    try withTree(Self.nested(60)) { folder in
      #expect(DiskUsage.bytes(under: [folder]) >= 1 << 20)
      #expect(removeTree(folder))
      #expect(!FileManager.default.fileExists(atPath: folder))
    }
  }

  @Test("folders nested beyond all reason count as more than any limit")
  func tooDeep() throws {
    try withTree(Self.nested(300)) { #expect(DiskUsage.bytes(under: [$0]) == .max) }
  }

  @Test("empty files take room, too")
  func emptyFiles() throws {
    try withTree("for i in range(1000): open(str(i), 'w').close()") { folder in
      #expect(DiskUsage.bytes(under: [folder]) >= 1000 * 4096)
    }
  }

  private static let hardLinks = """
    open('f', 'wb').write(b'1' * (1 << 20))
    for i in range(1000): os.link('f', str(i))
    """

  @Test("the bytes of hard links count once, and each link takes the room of an entry")
  func hardLinks() throws {
    try withTree(Self.hardLinks) { folder in
      let bytes = DiskUsage.bytes(under: [folder])
      #expect(bytes >= 1000 * 4096 + 1 << 20)
      #expect(bytes < 10 << 20)
    }
  }

  @Test("more entries than can be looked at count as more than any limit")
  func tooMany() throws {
    try withTree(Self.hardLinks) { folder in
      #expect(DiskUsage.bytes(under: [folder], entries: 1001) < .max)
      #expect(DiskUsage.bytes(under: [folder], entries: 1000) == .max)
    }
  }

  @Test(
    "what lies behind a folder that its owner has closed counts, and can be removed",
    arguments: [0o000, 0o400, 0o300])
  func closed(mode: Int) throws {
    let script = """
      os.chmod('.', 0o755)
      os.makedirs('tree/closed/inner'); open('tree/closed/inner/f', 'wb').write(b'1' * (1 << 20))
      if os.geteuid() == 0:
          for path in ['tree', 'tree/closed', 'tree/closed/inner']: os.chown(path, 65534, 65534)
      os.chmod('tree/closed/inner', \(mode)); os.chmod('tree/closed', \(mode))
      """
    try withTree(script) { folder in
      let tree = folder + "/tree"
      try asOrdinaryUser {
        #expect(DiskUsage.bytes(under: [tree]) >= 1 << 20)
        for path in ["/closed/inner", "/closed"] { #expect(chmod(tree + path, mode_t(mode)) == 0) }
        // The tree's own folder is root's.
        removeTree(tree)
      }
      #expect(!FileManager.default.fileExists(atPath: tree + "/closed"))
    }
  }

  @Test("a closed folder of somebody else's counts as more than any limit")
  func closedToAll() throws {
    try withTree("os.chmod('.', 0o755); os.mkdir('a'); os.chmod('a', 0)") { folder in
      guard geteuid() == 0 else { return }
      try asOrdinaryUser { #expect(DiskUsage.bytes(under: [folder]) == .max) }
    }
  }

  /// Runs a body as `nobody` where this process is root: in a thread of its own, which has a user of its
  /// own for the kernel (the C library's functions change all threads).
  private func asOrdinaryUser(_ body: @escaping @Sendable () throws -> Void) throws {
    guard geteuid() == 0 else { return try body() }
    typealias Call = @convention(c) (Int, Int, Int, Int) -> Int
    let call = unsafeBitCast(try #require(dlsym(nil, "syscall")), to: Call.self)
    #if arch(x86_64)
      let setresuid = 117
    #else
      let setresuid = 147
    #endif
    let done = DispatchSemaphore(value: 0)
    let result = Locked<Result<Void, any Error>>(.success(()))
    Thread {
      let wasGivenUp = call(setresuid, -1, 65534, -1) == 0
      let found = Result { try body() }
      result.withLock { $0 = found }
      #expect(wasGivenUp)
      done.signal()
    }.start()
    done.wait()
    try result.withLock { $0 }.get()
  }

  @Test("a link is not followed, not even in the place of the folder itself")
  func links() throws {
    try withTree("os.mkdir('a'); open('a/f', 'wb').write(b'1' * (1 << 20)); os.symlink('a', 'b')") {
      #expect(DiskUsage.bytes(under: [$0 + "/b"]) == 0)
    }
  }
}
