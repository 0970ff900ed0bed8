import Foundation

/// Ends the processes that this one has started, should it be killed before it can do so itself: a
/// shell that waits for the end of its input, which comes with the end of this process.
final class Leash: Sendable {
  private let input: FileHandle

  /// - Parameter mark: stands in the command line of each of these processes, and in no other one:
  ///   a process number may be another program's by then.
  init(mark: String) throws {
    let script = """
      while read -r process; do set -- "$@" "$process"; done
      for process; do
        if tr '\\0' ' ' <"/proc/$process/cmdline" 2>/dev/null | grep -qF -- "$0"; then
          kill -CONT "$process"; kill -KILL "$process"
        fi
      done
      """
    let shell = Process()
    let pipe = Pipe()
    shell.executableURL = URL(filePath: "/bin/sh")
    shell.arguments = ["-c", script, mark]
    shell.standardInput = pipe
    shell.standardOutput = FileHandle.nullDevice
    shell.standardError = FileHandle.nullDevice
    try shell.run()
    input = pipe.fileHandleForWriting
  }

  func hold(_ process: Int32) { try? input.write(contentsOf: Data("\(process)\n".utf8)) }
}
