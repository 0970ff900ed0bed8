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

  @Test("a link is not followed, not even in the place of the folder itself")
  func links() throws {
    try withTree("os.mkdir('a'); open('a/f', 'wb').write(b'1' * (1 << 20)); os.symlink('a', 'b')") {
      #expect(DiskUsage.bytes(under: [$0 + "/b"]) == 0)
    }
  }
}
