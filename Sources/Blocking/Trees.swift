import Foundation

// Coreutils do with whole trees what Foundation cannot: keep times, and reach behind paths that are too
// long. Both functions block.

/// Removes what is at a path, with all that is in it, however deep; links are removed, not followed.
///
/// - Returns: Whether nothing is left there.
@discardableResult
public func removeTree(_ path: String) -> Bool {
  if succeeds("/bin/rm", "--recursive", "--force", "--", path) { return true }
  // Folders that their owner has closed keep everybody out but root. Links on the way are not followed,
  // but the path itself would be.
  var status = stat()
  guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return false }
  _ = succeeds("/bin/chmod", "--recursive", "u+rwX", "--", path)
  return succeeds("/bin/rm", "--recursive", "--force", "--", path)
}

/// Copies a tree with its times, owners and modes; links are copied as links. Blocks of data are shared
/// where the file system can.
///
/// - Parameter destination: The copy's path, where there must be nothing.
/// - Returns: Whether all of it was copied; a part may be there where not.
public func copyTree(_ source: String, to destination: String) -> Bool {
  succeeds(
    "/bin/cp", "--archive", "--reflink=auto", "--no-target-directory", "--", source, destination)
}

private func succeeds(_ program: String, _ arguments: String...) -> Bool {
  let process = Process()
  process.executableURL = URL(filePath: program)
  process.arguments = arguments
  process.standardInput = FileHandle.nullDevice
  process.standardOutput = FileHandle.nullDevice
  process.standardError = FileHandle.nullDevice
  do { try process.run() } catch { return false }
  process.waitUntilExit()
  return process.terminationReason == .exit && process.terminationStatus == 0
}
