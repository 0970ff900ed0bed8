import Blocking
import Foundation
import Testing

/// In a file system of the test's own: whoever else holds files without a name holds them elsewhere.
@Suite("Files without a name", .serialized)
struct UnlinkedFilesTests {
  private static let size: Int64 = 8 << 20

  /// Runs a script that holds files until its standard input ends, and measures meanwhile.
  private func measured(
    _ script: String, seenAs: String? = nil, entries: Int = UnlinkedFiles.mostEntries
  ) throws -> Int64 {
    let name = "unlinked-files-\(UUID().uuidString)"
    let folder = FileManager.default.temporaryDirectory.path() + name
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { removeTree(folder) }
    let (input, output) = (Pipe(), Pipe())
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/bwrap")
    process.arguments = [
      "--dev-bind", "/", "/", "--tmpfs", folder, "/usr/bin/python3", "-c",
      """
      import ctypes, mmap, os, sys, threading
      os.chdir('\(folder)')
      file = open('f', 'w+b'); file.write(b'1' * \(Self.size)); file.flush()
      \(script)
      print('%09d' % os.getpid(), flush=True)
      sys.stdin.read()
      """,
    ]
    (process.standardInput, process.standardOutput) = (input, output)
    try process.run()
    let line = try #require(try output.fileHandleForReading.read(upToCount: 10), "it failed")
    let holder = try #require(Int(String(decoding: line, as: UTF8.self).dropLast()))
    let bytes = UnlinkedFiles.bytes(
      heldAt: .init(folder: "/proc/\(holder)/root\(folder)", seenAs: seenAs ?? folder),
      entries: entries)
    try input.fileHandleForWriting.close()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return bytes
  }

  @Test("a removed file that is held open takes room")
  func open() throws { #expect(try measured("os.unlink('f')") == Self.size) }

  @Test(
    "so does one that is mapped only", .enabled(if: geteuid() == 0, "others may not look there"))
  func mapped() throws {
    let script = "m = mmap.mmap(file.fileno(), 4096); os.unlink('f'); file.close()"
    #expect(try measured(script) == Self.size)
  }

  @Test("so does one that only a thread with open files of its own holds")
  func threadsOwn() throws {
    let script = """
      file.close()
      opened = threading.Event()
      def hold():
          if ctypes.CDLL(None).unshare(0x400) != 0: os._exit(1)
          own = open('f', 'r+b'); os.unlink('f'); opened.set()
          threading.Event().wait()
      threading.Thread(target=hold, daemon=True).start()
      opened.wait()
      """
    #expect(try measured(script) == Self.size)
  }

  /// Threads that see the same open files: thread by thread, they are twice what is looked at.
  private static let crowd = """
    os.unlink('f')
    many = [open('/dev/null') for _ in range(900)]
    for _ in range(300): threading.Thread(target=threading.Event().wait, daemon=True).start()
    """

  @Test("threads that share their open files cost nothing more")
  func sharedFiles() throws { #expect(try measured(Self.crowd) == Self.size) }

  @Test("more open files than can be looked at count as more than any limit")
  func tooMany() throws { #expect(try measured(Self.crowd, entries: 900) == .max) }

  @Test("a file that has a name is counted elsewhere")
  func named() throws { #expect(try measured("pass") == 0) }

  @Test("processes that do not see the folder in that place are others'")
  func others() throws {
    #expect(try measured("os.unlink('f')", seenAs: "/nowhere/target") == 0)
  }
}
