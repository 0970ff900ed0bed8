import Foundation

/// Removes what is at a path, with all that is in it, however deep; links are removed, not followed.
/// Coreutils' `rm`, since Foundation cannot remove what lies behind a path that is too long. Blocks.
///
/// - Returns: Whether nothing is left there.
@discardableResult
public func removeTree(_ path: String) -> Bool {
  let process = Process()
  process.executableURL = URL(filePath: "/bin/rm")
  process.arguments = ["--recursive", "--force", "--", path]
  process.standardInput = FileHandle.nullDevice
  process.standardOutput = FileHandle.nullDevice
  process.standardError = FileHandle.nullDevice
  do { try process.run() } catch { return false }
  process.waitUntilExit()
  return process.terminationReason == .exit && process.terminationStatus == 0
}
